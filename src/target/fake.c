/* SPDX-License-Identifier: MIT */
#include "target/fake.h"

#include <string.h>

#include "target/ops.h"

struct fake_target {
	struct target base;
	enum fault fault;
	size_t count;
	struct fake_piece pieces[];
};

static const struct fake_piece *piece_after(const struct fake_target *fake, uint64_t address)
{
	for (size_t i = 0; i < fake->count; i++)
		if (fake->pieces[i].address + fake->pieces[i].length > address)
			return &fake->pieces[i];
	return NULL;
}

static void fake_read_piece(struct target *target, uint64_t address, void *buffer, size_t length,
			    size_t *ret_missing, enum fault *ret_fault)
{
	struct fake_target *fake = (struct fake_target *)target;
	size_t missing = 0;
	enum fault first = FAULT_NONE;
	char *out = buffer;
	memset(buffer, 0, length);
	while (length) {
		const struct fake_piece *piece = piece_after(fake, address);
		enum fault fault = fake->fault;
		size_t part = length;
		uint64_t room;
		if (piece && piece->address <= address) {
			room = piece->address + piece->length - address;
			fault = fault ?: piece->fault;
			if (part > room)
				part = room;
			if (fault == FAULT_NONE && piece->bytes)
				memcpy(out, (char *)piece->bytes + (address - piece->address), part);
		} else {
			room = piece ? piece->address - address : UINT64_MAX;
			fault = fault ?: FAULT_UNMAPPED;
			if (part > room)
				part = room;
		}
		if (fault != FAULT_NONE)
			missing += part;
		first = first ?: fault;
		address += part;
		out += part;
		length -= part;
	}
	target->bytes_read += out - (char *)buffer - missing;
	*ret_missing = missing;
	*ret_fault = first;
}

static void fake_read_many(struct target *target, struct target_read *reads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reads[i].fault = target_read(target, reads[i].address, reads[i].buffer, reads[i].length);
}

static struct heapspy_error *fake_refresh(struct target *target)
{
	(void)target;
	return NULL;
}

static enum fault fake_verify(struct target *target)
{
	return ((struct fake_target *)target)->fault;
}

static int fake_open_mapped_file(struct target *target, const struct mapping *mapping)
{
	(void)target;
	(void)mapping;
	return -1;
}

static void fake_free(struct target *target)
{
	maps_fini(&target->maps);
	free(target);
}

static const struct target_ops fake_ops = {
	.free = fake_free,
	.read_piece = fake_read_piece,
	.read_many = fake_read_many,
	.refresh = fake_refresh,
	.verify = fake_verify,
	.open_mapped_file = fake_open_mapped_file,
};

struct target *fake_target_new(const struct fake_piece *pieces, size_t count)
{
	struct fake_target *fake = calloc(1, sizeof(*fake) + count * sizeof(*pieces));
	if (!fake)
		return NULL;
	fake->base = (struct target){.ops = &fake_ops, .proc_directory = -1};
	fake->count = count;
	fake->base.maps.items = calloc(count ? count : 1, sizeof(*fake->base.maps.items));
	if (!fake->base.maps.items) {
		free(fake);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const struct fake_piece *piece = &pieces[i];
		fake->pieces[i] = *piece;
		fake->base.maps.items[fake->base.maps.count++] = (struct mapping){
			.start = piece->address,
			.end = piece->address + piece->length,
			.flags = piece->flags ?: MAPPING_READ | MAPPING_WRITE,
			.inode = piece->inode,
			.path = piece->path ?: "",
		};
	}
	return &fake->base;
}

void fake_target_fail(struct target *target, enum fault fault)
{
	((struct fake_target *)target)->fault = fault;
}
