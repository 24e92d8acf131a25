/* SPDX-License-Identifier: MIT */
#include "target/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bisect.h"
#include "target/ops.h"
#include "target/process/process.h"

struct image {
	struct target base;
	struct process_target *live;
	struct image_content content; /* its maps are those of `base` */
	size_t last; /* the run that the last read ended in, or the one after */
};

void image_content_fini(struct image_content *content)
{
	maps_fini(&content->maps);
	free(content->runs);
	free(content->threads);
	if (content->memory)
		munmap(content->memory, content->memory_length);
	*content = (struct image_content){0};
}

static uint64_t lose(uint8_t *buffer, uint64_t length, enum fault why, enum fault *fault)
{
	memset(buffer, 0, length);
	if (*fault == FAULT_NONE)
		*fault = why;
	return length;
}

/* The first run that ends behind `address`; run_count if there is none. */
static size_t run_after(struct image *image, uint64_t address)
{
	const struct image_run *runs = image->content.runs;
	size_t count = image->content.run_count, last = image->last;
	if (last < count && address < runs[last].end) {
		if (last == 0 || address >= runs[last - 1].end)
			return last;
	} else if (last + 1 < count && address < runs[last + 1].end) {
		return last + 1;
	}
	return BISECT(count, at, runs[at].end <= address);
}

/* Where there is no run, at most to the end of the mapping. Returns how much of it
 * was dealt with; *missing of that could not be had. */
static uint64_t read_untouched(struct image *image, uint64_t address, uint8_t *buffer,
			       uint64_t length, uint64_t *missing, enum fault *fault)
{
	const struct mapping *mapping = maps_after(&image->base.maps, address);
	enum fault obstacle = FAULT_UNMAPPED;
	if (mapping && mapping->start <= address) {
		if (length > mapping->end - address)
			length = mapping->end - address;
		obstacle = !(mapping->flags & MAPPING_READ) ? FAULT_DENIED :
			   mapping->flags & MAPPING_SHARED  ? FAULT_ABSENT :
							      FAULT_NONE;
	} else if (mapping && length > mapping->start - address) {
		length = mapping->start - address;
	}
	if (obstacle == FAULT_NONE) {
		*missing +=
			process_read_clean(image->live, mapping, address, buffer, length, fault);
		return length;
	}
	*missing += lose(buffer, length, obstacle, fault);
	return length;
}

/* From a run on; likewise. */
static uint64_t read_run(struct image *image, const struct image_run *run, uint64_t address,
			 uint8_t *buffer, uint64_t length, uint64_t *missing, enum fault *fault)
{
	if (length > run->end - address)
		length = run->end - address;
	if (run->copied) {
		memcpy(buffer, image->content.bytes + run->offset + (address - run->start), length);
		image->base.bytes_read += length;
	} else {
		*missing += lose(buffer, length, FAULT_ABSENT, fault);
	}
	return length;
}

static void image_read_piece(struct target *target, uint64_t address, void *buffer, size_t length,
			     size_t *ret_missing, enum fault *ret_fault)
{
	struct image *image = (struct image *)target;
	uint8_t *out = buffer;
	uint64_t left = address_room(address, length), missing = 0;
	uint64_t beyond = length - left;
	enum fault fault = FAULT_NONE;
	while (left) {
		uint64_t part = left;
		image->last = run_after(image, address);
		const struct image_run *run = &image->content.runs[image->last];
		bool behind_all = image->last == image->content.run_count;
		if (!behind_all && run->start <= address) {
			part = read_run(image, run, address, out, part, &missing, &fault);
		} else {
			if (!behind_all && part > run->start - address)
				part = run->start - address;
			part = read_untouched(image, address, out, part, &missing, &fault);
		}
		address += part;
		out += part;
		left -= part;
	}
	if (beyond)
		missing += lose(out, beyond, FAULT_UNMAPPED, &fault);
	*ret_missing = missing;
	*ret_fault = fault;
}

static void image_read_many(struct target *target, struct target_read *reads, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t missing;
		image_read_piece(target, reads[i].address, reads[i].buffer, reads[i].length,
				 &missing, &reads[i].fault);
	}
}

/* Of anonymous memory only what was touched is in a run. */
static uint64_t image_next_data(struct target *target, uint64_t address, uint64_t end)
{
	struct image *image = (struct image *)target;
	const struct mapping *mapping = maps_find(&target->maps, address);
	if (!mapping || mapping_is_file(mapping))
		return address;
	size_t next = run_after(image, address);
	uint64_t start = next < image->content.run_count ? image->content.runs[next].start : end;
	return start > end ? end : start > address ? start : address;
}

static struct heapspy_error *image_refresh(struct target *target)
{
	(void)target;
	return NULL;
}

/* That it was one process was seen while it was copied; what became of it since does
 * not matter. */
static enum fault image_verify(struct target *target)
{
	(void)target;
	return FAULT_NONE;
}

static int image_open_mapped_file(struct target *target, const struct mapping *mapping)
{
	return process_open_mapped_file(&((struct image *)target)->live->base, mapping);
}

static bool image_registers(struct target *target, pid_t tid, struct registers *ret_registers)
{
	const struct image_content *content = &((struct image *)target)->content;
	for (size_t i = 0; i < content->thread_count; i++) {
		if (content->threads[i].tid != tid)
			continue;
		*ret_registers = content->threads[i].registers;
		return true;
	}
	return false;
}

static void image_free(struct target *target)
{
	struct image *image = (struct image *)target;
	image_content_fini(&image->content);
	maps_fini(&image->base.maps);
	free(image);
}

static const struct target_ops image_ops = {
	.free = image_free,
	.read_piece = image_read_piece,
	.read_many = image_read_many,
	.refresh = image_refresh,
	.verify = image_verify,
	.open_mapped_file = image_open_mapped_file,
	.registers = image_registers,
	.next_data = image_next_data,
};

struct target *image_new(struct target *live, struct image_content *content)
{
	struct image *image = calloc(1, sizeof(*image));
	if (!image) {
		image_content_fini(content);
		return NULL;
	}
	image->base = (struct target){
		.ops = &image_ops,
		.maps = content->maps,
		.pid = live->pid,
		.proc_directory = live->proc_directory,
	};
	image->live = (struct process_target *)live;
	content->maps = (struct maps){0};
	image->content = *content;
	*content = (struct image_content){0};
	return &image->base;
}
