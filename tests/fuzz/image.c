/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "target/maps_parse.h"
#include "target/ops.h"

enum { PAGE = 4096, MAX_PATCHES = 16, MAX_BYTES = 32, MOST_UNTOUCHED = 16 * PAGE };

static const char MAGIC[16] = "heapspy image 1";

struct patch {
	uint8_t *bytes; /* NULL: a page that is gone */
	uint64_t page;
	uint8_t length, before[MAX_BYTES];
};

struct image {
	char *maps;
	size_t maps_length;
	struct image_run *runs;
	size_t run_count;
	uint64_t *places;
	size_t place_count;
	struct patch patches[MAX_PATCHES];
	size_t patch_count;
};

struct image_target {
	struct target base;
	struct image *image;
	const struct image_run *last;
};

/* ---- the file ---------------------------------------------------------------- */

static void die(const char *what, const char *path)
{
	fprintf(stderr, "%s: %s\n", path, what);
	exit(1);
}

static void get(gzFile file, void *bytes, size_t length, const char *path)
{
	if (gzfread(bytes, 1, length, file) != length)
		die("it is no image, or cut off", path);
}

static uint64_t get_number(gzFile file, const char *path)
{
	uint64_t number;
	get(file, &number, sizeof(number), path);
	if (number > 1 << 26)
		die("it is damaged", path);
	return number;
}

static void *get_many(gzFile file, uint64_t count, size_t size, const char *path)
{
	void *items = calloc(count + 1, size);
	if (!items)
		abort();
	get(file, items, count * size, path);
	return items;
}

struct image *image_open(const char *path)
{
	struct image *image = calloc(1, sizeof(*image));
	gzFile file = gzopen(path, "rb");
	char magic[sizeof(MAGIC)];
	if (!image || !file)
		die("it cannot be opened: corpus/make makes it", path);
	get(file, magic, sizeof(magic), path);
	if (memcmp(magic, MAGIC, sizeof(magic)) != 0)
		die("it is no image", path);
	image->maps_length = get_number(file, path);
	image->maps = get_many(file, image->maps_length, 1, path);
	image->run_count = get_number(file, path);
	image->runs = get_many(file, image->run_count, sizeof(*image->runs), path);
	for (size_t i = 0; i < image->run_count; i++)
		image->runs[i].bytes = get_many(file, image->runs[i].length, 1, path);
	image->place_count = get_number(file, path);
	image->places = get_many(file, image->place_count, sizeof(*image->places), path);
	if (!image->run_count || !image->place_count)
		die("there is nothing in it", path);
	gzclose(file);
	return image;
}

static void put(gzFile file, const void *bytes, size_t length, const char *path)
{
	if (gzfwrite(bytes, 1, length, file) != length)
		die("it cannot be written", path);
}

void image_write(const char *path, const struct image_content *content)
{
	gzFile file = gzopen(path, "wb9");
	if (!file)
		die("it cannot be written", path);
	uint64_t number = content->maps_length;
	put(file, MAGIC, sizeof(MAGIC), path);
	put(file, &number, sizeof(number), path);
	put(file, content->maps, content->maps_length, path);
	number = content->run_count;
	put(file, &number, sizeof(number), path);
	for (size_t i = 0; i < content->run_count; i++) {
		struct image_run run = content->runs[i];
		run.bytes = NULL;
		put(file, &run, sizeof(run), path);
	}
	for (size_t i = 0; i < content->run_count; i++)
		put(file, content->runs[i].bytes, content->runs[i].length, path);
	number = content->place_count;
	put(file, &number, sizeof(number), path);
	put(file, content->places, content->place_count * sizeof(*content->places), path);
	if (gzclose(file) != Z_OK)
		die("it cannot be written", path);
}

/* ---- the target ---------------------------------------------------------------- */

/* The run that holds the address, else the next above it, else NULL. */
static const struct image_run *run_after(const struct image *image, uint64_t address)
{
	size_t low = 0, high = image->run_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (image->runs[middle].start + image->runs[middle].length <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low == image->run_count ? NULL : &image->runs[low];
}

/* The first page from `address` on that a patch took away. */
static uint64_t next_gone(const struct image *image, uint64_t address)
{
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < image->patch_count; i++) {
		const struct patch *patch = &image->patches[i];
		if (!patch->bytes && patch->page >= address / PAGE && patch->page * PAGE < next)
			next = patch->page * PAGE;
	}
	return next;
}

/* Bytes of one kind; *length is cut to how many these are. */
static enum fault read_part(struct image_target *target, uint64_t address, void *buffer,
			    size_t *length)
{
	uint64_t gone = next_gone(target->image, address);
	uint64_t room = gone > address ? gone - address : PAGE - address % PAGE;
	const struct image_run *run = target->last;
	if (!run || address < run->start || address >= run->start + run->length)
		run = run_after(target->image, address);
	bool held = gone > address && run && run->start <= address;
	if (held && room > run->start + run->length - address)
		room = run->start + run->length - address;
	else if (!held && gone > address && run && room > run->start - address)
		room = run->start - address;
	const struct mapping *mapping = maps_after(&target->base.maps, address);
	bool mapped = mapping && mapping->start <= address;
	if (!held && mapping && room > (mapped ? mapping->end : mapping->start) - address)
		room = (mapped ? mapping->end : mapping->start) - address;
	if (*length > room)
		*length = room;
	if (held) {
		target->last = run;
		memcpy(buffer, run->bytes + (address - run->start), *length);
		return FAULT_NONE;
	}
	memset(buffer, 0, *length);
	/* Else it is memory that was never touched, or what the image leaves out of the heap. */
	return gone <= address		  ? FAULT_TORN
	       : !mapped		  ? FAULT_UNMAPPED
	       : mapping_is_file(mapping) ? FAULT_ABSENT
					  : FAULT_NONE;
}

static void read_piece(struct target *base, uint64_t address, void *buffer, size_t length,
		       size_t *ret_missing, enum fault *ret_fault)
{
	struct image_target *target = (struct image_target *)base;
	uint64_t rest = address_room(address, length), beyond = length - rest;
	uint8_t *out = buffer;
	*ret_missing = beyond;
	*ret_fault = FAULT_NONE;
	memset(out + rest, 0, beyond);
	while (rest) {
		size_t part = rest;
		enum fault fault = read_part(target, address, out, &part);
		if (fault != FAULT_NONE) {
			*ret_missing += part;
			*ret_fault = *ret_fault ?: fault;
		}
		address += part;
		out += part;
		rest -= part;
	}
	if (beyond)
		*ret_fault = *ret_fault ?: FAULT_UNMAPPED;
	base->bytes_read += length - *ret_missing;
}

static void read_many(struct target *target, struct target_read *reads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reads[i].fault =
		    target_read(target, reads[i].address, reads[i].buffer, reads[i].length);
}

static struct heapspy_error *refresh(struct target *target)
{
	(void)target;
	return NULL;
}

static enum fault verify(struct target *target)
{
	(void)target;
	return FAULT_NONE;
}

static int open_mapped_file(struct target *target, const struct mapping *mapping)
{
	(void)target;
	(void)mapping;
	return -1;
}

static void free_target(struct target *target)
{
	maps_fini(&target->maps);
	free(target);
}

static const struct target_ops ops = {
    .free = free_target,
    .read_piece = read_piece,
    .read_many = read_many,
    .refresh = refresh,
    .verify = verify,
    .open_mapped_file = open_mapped_file,
};

/* Much of what is mapped was never touched: reading it again and again finds nothing but
 * zeros. A little of it is kept. */
static void cut_untouched(const struct image *image, struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		struct mapping *mapping = &maps->items[i];
		const struct image_run *run = run_after(image, mapping->start);
		bool touched = run && run->start < mapping->end;
		if (!touched && !mapping_is_file(mapping) &&
		    mapping->end - mapping->start > MOST_UNTOUCHED)
			mapping->start = mapping->end - MOST_UNTOUCHED;
	}
}

struct target *image_target(struct image *image)
{
	struct image_target *target = calloc(1, sizeof(*target));
	char *text = malloc(image->maps_length + 1);
	if (!target || !text)
		abort();
	memcpy(text, image->maps, image->maps_length);
	text[image->maps_length] = '\0';
	target->base = (struct target){.ops = &ops, .pid = 4711, .proc_directory = -1};
	target->image = image;
	if (maps_parse(text, image->maps_length, &target->base.maps))
		abort();
	cut_untouched(image, &target->base.maps);
	return &target->base;
}

/* ---- spoiling -------------------------------------------------------------------- */

struct input {
	const uint8_t *bytes;
	size_t length;
};

static uint64_t take(struct input *input, size_t count)
{
	uint64_t number = 0;
	size_t part = count < input->length ? count : input->length;
	memcpy(&number, input->bytes, part);
	input->bytes += part;
	input->length -= part;
	return number;
}

/* A place, and up to 127 bytes to either side of it. */
static uint64_t take_address(const struct image *image, struct input *input)
{
	uint64_t place = image->places[take(input, 2) % image->place_count];
	return place + (uint64_t)(int64_t)(int8_t)take(input, 1);
}

static void write_at(struct image *image, uint64_t address, const uint8_t *bytes, size_t length)
{
	const struct image_run *run = run_after(image, address);
	if (!run || run->start > address)
		return;
	uint64_t skip = address - run->start;
	if (length > run->length - skip)
		length = run->length - skip;
	struct patch *patch = &image->patches[image->patch_count++];
	*patch = (struct patch){.bytes = run->bytes + skip, .length = (uint8_t)length};
	memcpy(patch->before, patch->bytes, length);
	memcpy(patch->bytes, bytes, length);
}

void image_spoil(struct image *image, const uint8_t *input_bytes, size_t length)
{
	struct input input = {input_bytes, length};
	while (input.length >= 4 && image->patch_count < MAX_PATCHES) {
		uint8_t what = (uint8_t)take(&input, 1);
		uint64_t address = take_address(image, &input);
		uint8_t bytes[MAX_BYTES] = {0};
		static const uint8_t lengths[] = {1, 2, 4, 8, 16, 32};
		if (what % 8 < 6) {
			size_t count = lengths[what % 8];
			for (size_t i = 0; i < count; i++)
				bytes[i] = (uint8_t)take(&input, 1);
			write_at(image, address, bytes, count);
		} else if (what % 16 == 15) {
			/* What is one too much for somebody. */
			static const uint64_t extremes[] = {0,
							    1,
							    UINT64_MAX,
							    INT64_MAX,
							    (uint64_t)INT64_MIN,
							    UINT64_C(1) << 62,
							    UINT32_MAX,
							    INT32_MAX,
							    UINT64_C(1) << 32,
							    UINT64_C(1) << 47};
			uint64_t word = what / 16 < 10 ? extremes[what / 16] : address;
			memcpy(bytes, &word, sizeof(word));
			write_at(image, address, bytes, sizeof(word));
		} else if (what % 8 == 6) {
			uint64_t pointer = take_address(image, &input);
			memcpy(bytes, &pointer, sizeof(pointer));
			write_at(image, address, bytes, sizeof(pointer));
		} else {
			image->patches[image->patch_count++] =
			    (struct patch){.page = address / PAGE};
		}
	}
}

void image_restore(struct image *image)
{
	while (image->patch_count) {
		const struct patch *patch = &image->patches[--image->patch_count];
		if (patch->bytes)
			memcpy(patch->bytes, patch->before, patch->length);
	}
}
