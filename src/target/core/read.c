/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a core: those it holds, and those a file has in its place.
 *
 * By pread(), not by a mapping: a file that is cut while it is read would end us
 * with SIGBUS.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "target/core/private.h"

enum { PAGE = 4096 };

struct miss {
	size_t bytes;
	enum fault first;
};

static void miss(struct miss *missing, void *buffer, uint64_t length, enum fault fault)
{
	memset(buffer, 0, length);
	missing->bytes += length;
	if (missing->first == FAULT_NONE)
		missing->first = fault;
}

static const struct core_segment *segment_after(struct core_target *core, uint64_t address)
{
	const struct core_segment *last = core->last;
	if (!last || address < last->start || address >= last->end)
		last = core_segment_after(&core->headers, address);
	if (last && last->start <= address)
		core->last = last;
	return last;
}

/* What the headers say is in the core. Returns how much of it was dealt with. */
static uint64_t read_dumped(struct core_target *core, const struct core_segment *segment,
			    uint64_t address, void *buffer, uint64_t length, struct miss *missing)
{
	uint64_t skip = address - segment->start;
	if (length > segment->length - skip)
		length = segment->length - skip;
	ssize_t got = io_pread_all(core->fd, buffer, length, (off_t)(segment->offset + skip));
	uint64_t had = got < 0 ? 0 : (uint64_t)got;
	core->base.bytes_read += had;
	/* Cut off. A file must not stand in here: this memory was changed. */
	if (had < length)
		miss(missing, (char *)buffer + had, length - had, FAULT_ABSENT);
	return length;
}

/* Past the end of the file its last page goes on with zeros. */
static void read_file(struct core_target *core, int fd, uint64_t offset, void *buffer,
		      uint64_t length, struct miss *missing)
{
	ssize_t got = offset > INT64_MAX ? -1 : io_pread_all(fd, buffer, length, (off_t)offset);
	if (got < 0) {
		miss(missing, buffer, length, FAULT_ABSENT);
		return;
	}
	core->base.bytes_read += (uint64_t)got;
	uint64_t rest = length - (uint64_t)got, at = offset + (uint64_t)got;
	uint64_t zeros = (PAGE - at % PAGE) % PAGE;
	if (zeros > rest)
		zeros = rest;
	memset((char *)buffer + got, 0, zeros);
	if (rest > zeros)
		miss(missing, (char *)buffer + got + zeros, rest - zeros, FAULT_UNMAPPED);
}

/* What is not in the core: if it is clean memory of a file, the file has it. What
 * was writable is never taken from there: it may have been changed, and left out
 * for want of interest in it, or of space. */
static uint64_t read_left_out(struct core_target *core, const struct core_segment *segment,
			      uint64_t address, void *buffer, uint64_t length, struct miss *missing)
{
	const struct mapping *mapping = maps_after(&core->base.maps, address);
	if (!mapping || mapping->start > address) {
		if (mapping && length > mapping->start - address)
			length = mapping->start - address;
		bool in_segment = segment && segment->start <= address;
		miss(missing, buffer, length, in_segment ? FAULT_ABSENT : FAULT_UNMAPPED);
		return length;
	}
	if (length > mapping->end - address)
		length = mapping->end - address;
	if (!mapping_is_file(mapping) || mapping->flags & (MAPPING_WRITE | MAPPING_SHARED)) {
		miss(missing, buffer, length, FAULT_ABSENT);
		return length;
	}
	const char *reason;
	int fd = core_mapped_file(core, mapping, &reason);
	if (fd >= 0) {
		read_file(core, fd, mapping->offset + (address - mapping->start), buffer, length,
			  missing);
	} else {
		/* Of code and of other files nothing is needed: a word that is no pointer to
		 * an object led there. */
		bool is_code = mapping->flags & MAPPING_EXEC && mapping->offset != 0;
		if (!core->facts.files_absent && !is_code)
			core->facts.files_absent = core_is_program(core, mapping);
		miss(missing, buffer, length, FAULT_ABSENT);
	}
	return length;
}

void core_read_piece(struct target *target, uint64_t address, void *buffer, size_t length,
		     size_t *ret_missing, enum fault *ret_fault)
{
	struct core_target *core = (struct core_target *)target;
	struct miss missing = {0};
	uint64_t beyond = length - address_room(address, length), rest = length - beyond;
	char *out = buffer;
	while (rest) {
		const struct core_segment *segment = segment_after(core, address);
		uint64_t part = rest;
		if (segment && segment->start <= address &&
		    address - segment->start < segment->length) {
			part = read_dumped(core, segment, address, out, part, &missing);
		} else {
			/* Up to the segment, or in it. */
			uint64_t room = !segment ? UINT64_MAX
					: segment->start > address ? segment->start - address
								   : segment->end - address;
			part = part < room ? part : room;
			part = read_left_out(core, segment, address, out, part, &missing);
		}
		address += part;
		out += part;
		rest -= part;
	}
	if (beyond)
		miss(&missing, out, beyond, FAULT_UNMAPPED);
	*ret_missing = missing.bytes;
	*ret_fault = missing.first;
}

void core_read_many(struct target *target, struct target_read *reads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reads[i].fault =
			target_read(target, reads[i].address, reads[i].buffer, reads[i].length);
}

/* Holes are skipped. What is not in the core is for a read to find out. */
uint64_t core_next_data(struct target *target, uint64_t address, uint64_t end)
{
	struct core_target *core = (struct core_target *)target;
	const struct core_segment *segment = segment_after(core, address);
	if (!segment || segment->start > address || address - segment->start >= segment->length)
		return address;
	off_t at = (off_t)(segment->offset + (address - segment->start));
	off_t data = lseek(core->fd, at, SEEK_DATA);
	/* ENXIO: nothing but a hole up to its end, unless that was before. */
	if (data < 0)
		data = errno == ENXIO && (uint64_t)at < core->facts.size ? (off_t)core->facts.size
									 : at;
	uint64_t hole = (uint64_t)(data - at);
	uint64_t room = segment->length - (address - segment->start);
	hole = hole < room ? hole : room;
	return hole < end - address ? address + hole : end;
}

bool core_read_dumped(const struct core_target *core, uint64_t address, void *buffer, size_t length)
{
	const struct core_segment *segment = core_segment_after(&core->headers, address);
	if (!segment || segment->start > address)
		return false;
	uint64_t skip = address - segment->start;
	return skip <= segment->length && length <= segment->length - skip &&
	       io_pread_all(core->fd, buffer, length, (off_t)(segment->offset + skip)) ==
		       (ssize_t)length;
}
