/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a live process.
 *
 * Each piece wanted is cut into runs of pages of one kind: those in memory are
 * gathered and read together, those never touched are zeros, those still in
 * their file are read from there. Nothing is asked of the kernel that it would
 * have to allocate or bring in for the target.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "target/process/process.h"
#include "target/process/procmap_query.h"

/* The kernel cuts one call at 0x7ffff000 bytes, which looks like a fault. */
static const uint64_t BATCH_BYTES = UINT64_C(1) << 30;

static void miss(struct process_target *process, enum fault *slot, void *buffer, uint64_t length,
		 enum fault fault)
{
	memset(buffer, 0, length);
	process->missing += length;
	if (*slot == FAULT_NONE)
		*slot = fault;
}

static uint64_t page_rest(uint64_t address)
{
	return TARGET_PAGE - address % TARGET_PAGE;
}

/* ---- what is in memory ------------------------------------------------- */

/* The first piece through the mem file: bytes had, or -errno. Reads also what is
 * mapped without read permission. */
static ssize_t read_mem(struct process_target *process, const struct iovec *local,
			const struct iovec *remote, size_t most)
{
	size_t length = local->iov_len < most ? local->iov_len : most;
	ssize_t got;
	do
		got = pread(process->mem, local->iov_base, length, (off_t)(uintptr_t)remote->iov_base);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return -ESRCH; /* no address space behind the file any more */
	return got < 0 ? -EFAULT : got;
}

/* As much of the pieces from `first` on as one call gives. */
static ssize_t transfer(struct process_target *process, size_t first)
{
	struct batch *batch = &process->batch;
	size_t count = batch->count - first;
	if (process->gone)
		return -ESRCH;
	if (process->vm_readv) {
		ssize_t got = process_vm_readv(process->task, &batch->local[first], count,
					       &batch->remote[first], count, 0);
		if (got > 0)
			return got;
		/* Not allowed in some containers; and a thread that ended is no name for
		 * the process, which the mem file still is. */
		if (got == 0 || (errno != EPERM && errno != ENOSYS && errno != ESRCH))
			return -EFAULT;
		process->vm_readv = false;
	}
	return read_mem(process, &batch->local[first], &batch->remote[first], SIZE_MAX);
}

/* Take `length` bytes off the front of the pieces from `first` on: the first
 * piece that is not finished. */
static size_t advance(struct batch *batch, size_t first, uint64_t length)
{
	while (length) {
		struct iovec *local = &batch->local[first], *remote = &batch->remote[first];
		if (length < local->iov_len) {
			local->iov_base = (char *)local->iov_base + length;
			local->iov_len -= length;
			remote->iov_base = (char *)remote->iov_base + length;
			remote->iov_len -= length;
			break;
		}
		length -= local->iov_len;
		first++;
	}
	return first;
}

static bool is_readable(const struct process_target *process, uint64_t address)
{
	const struct mapping *mapping = maps_find(&process->base.maps, address);
	return !mapping || mapping->flags & MAPPING_READ;
}

/* The page at the front of piece `first` was refused. Try the other way in, else
 * give up this page, and with it what vanished behind it. */
static size_t get_past(struct process_target *process, size_t first)
{
	struct batch *batch = &process->batch;
	struct iovec *local = &batch->local[first];
	uint64_t address = (uintptr_t)batch->remote[first].iov_base;
	uint64_t length = page_rest(address);
	if (process->vm_readv) {
		ssize_t got = read_mem(process, local, &batch->remote[first], length);
		if (got > 0) {
			process->base.bytes_read += got;
			return advance(batch, first, got);
		}
		if (got == -ESRCH) {
			process->gone = true;
			return first;
		}
	}
	uint64_t run;
	enum page_state state = presence_anew(&process->presence, address, &run);
	enum fault fault = state == PAGE_SWAPPED ? FAULT_ABSENT : FAULT_TORN;
	if (state != PAGE_PRESENT)
		length = run;
	else if (process->presence.fd >= 0 || !is_readable(process, address))
		fault = FAULT_DENIED;
	else
		fault = FAULT_UNMAPPED;
	if (length > local->iov_len)
		length = local->iov_len;
	miss(process, batch->fault[first], local->iov_base, length, fault);
	return advance(batch, first, length);
}

static void flush(struct process_target *process)
{
	struct batch *batch = &process->batch;
	for (size_t first = 0; first < batch->count;) {
		ssize_t got = transfer(process, first);
		if (got > 0) {
			process->base.bytes_read += got;
			first = advance(batch, first, got);
		} else if (got == -EFAULT) {
			first = get_past(process, first);
		} else {
			process->gone = true;
			miss(process, batch->fault[first], batch->local[first].iov_base,
			     batch->local[first].iov_len, FAULT_GONE);
			first++;
		}
	}
	batch->count = 0;
	batch->bytes = 0;
}

static void gather(struct process_target *process, uint64_t address, void *buffer, uint64_t length,
		   enum fault *slot)
{
	struct batch *batch = &process->batch;
	if (batch->count == BATCH_ITEMS || batch->bytes + length > BATCH_BYTES)
		flush(process);
	size_t last = batch->count - 1;
	if (batch->count && batch->fault[last] == slot &&
	    (uintptr_t)batch->remote[last].iov_base + batch->remote[last].iov_len == address &&
	    (char *)batch->local[last].iov_base + batch->local[last].iov_len == buffer) {
		batch->local[last].iov_len += length;
		batch->remote[last].iov_len += length;
	} else {
		last = batch->count++;
		batch->local[last] = (struct iovec){buffer, length};
		batch->remote[last] = (struct iovec){(void *)(uintptr_t)address, length};
		batch->fault[last] = slot;
	}
	batch->bytes += length;
}

/* ---- what is not ------------------------------------------------------- */

/* Past the end of the file its last page goes on with zeros; behind that, a
 * program that looks gets SIGBUS. */
static void read_file(struct process_target *process, const struct mapping *mapping,
		      uint64_t address, void *buffer, uint64_t length, enum fault *slot)
{
	enum fault fault;
	int fd = process_mapped_file(process, mapping, &fault);
	if (fd < 0) {
		miss(process, slot, buffer, length, fault);
		return;
	}
	uint64_t offset = mapping->offset + (address - mapping->start);
	ssize_t got = io_pread_all(fd, buffer, length, (off_t)offset);
	if (got > 0) {
		process->base.bytes_read += got;
		offset += got;
		length -= got;
		buffer = (char *)buffer + got;
	}
	if (length == 0)
		return;
	struct stat stat;
	if (got < 0 || fstat(fd, &stat) < 0 || offset < (uint64_t)stat.st_size) {
		miss(process, slot, buffer, length, FAULT_ABSENT);
		return;
	}
	uint64_t end = stat.st_size;
	end += (TARGET_PAGE - end % TARGET_PAGE) % TARGET_PAGE;
	uint64_t zeros = offset < end ? end - offset : 0;
	if (zeros > length)
		zeros = length;
	memset(buffer, 0, zeros);
	if (length > zeros)
		miss(process, slot, (char *)buffer + zeros, length - zeros, FAULT_UNMAPPED);
}

/* Anonymous by its content whatever its inode says: a private mapping of
 * /dev/zero. drivers/char/mem.c in the kernel. */
static bool is_zeros(const struct mapping *mapping)
{
	return !mapping_is_file(mapping) ||
	       (!(mapping->flags & MAPPING_SHARED) && strcmp(mapping->path, "/dev/zero") == 0);
}

/* [vvar], [vvar_vclock], [vsyscall]: pages of the kernel that only the process
 * itself can read. */
static bool is_of_kernel(const struct mapping *mapping)
{
	return strncmp(mapping->path, "[vvar", 5) == 0 || strcmp(mapping->path, "[vsyscall]") == 0;
}

/* Readable pages that the process did not write: what they hold is known without
 * asking for them. */
static void read_clean(struct process_target *process, const struct mapping *mapping,
		       uint64_t address, void *buffer, uint64_t length, enum fault *slot)
{
	if (is_of_kernel(mapping))
		miss(process, slot, buffer, length, FAULT_UNMAPPED);
	else if (is_zeros(mapping))
		memset(buffer, 0, length);
	else
		read_file(process, mapping, address, buffer, length, slot);
}

uint64_t process_read_clean(struct process_target *process, const struct mapping *mapping,
			    uint64_t address, void *buffer, uint64_t length, enum fault *fault)
{
	process->missing = 0;
	read_clean(process, mapping, address, buffer, length, fault);
	return process->missing;
}

/* Is it still what it was at the last refresh? Nothing else tells memory never
 * touched from memory that was there and is unmapped by now. Believed throughout an
 * operation; taken for granted where the kernel does not answer. *length is cut to
 * what the answer holds for. */
static enum fault check_mapping(struct process_target *process, const struct mapping *mapping,
				uint64_t address, uint64_t *length)
{
	struct mapping *now = &process->checked;
	if (!process->may_query)
		return FAULT_NONE;
	if (process->checked_in != process->presence.operation || address < now->start ||
	    address >= now->end) {
		int errnum = procmap_query(process->maps, address, now);
		if (errnum == ENOENT) {
			*now = (struct mapping){0};
			if (*length > page_rest(address))
				*length = page_rest(address);
			return FAULT_UNMAPPED;
		}
		if (errnum) {
			process->may_query = errnum == ESRCH;
			return target_verify(&process->base);
		}
		process->checked_in = process->presence.operation;
	}
	if (*length > now->end - address)
		*length = now->end - address;
	bool same = now->inode == mapping->inode && now->device == mapping->device;
	return same && now->flags & MAPPING_READ ? FAULT_NONE : FAULT_TORN;
}

/* Why a page that is not in memory cannot be had; FAULT_NONE: it can, as zeros or
 * from its file. */
static enum fault absent_fault(struct process_target *process, const struct mapping *mapping,
			       enum page_state state, uint64_t address, uint64_t *length)
{
	if (is_of_kernel(mapping) || state == PAGE_GUARDED)
		return FAULT_UNMAPPED;
	/* The kernel had nothing to say of a mapped page: is the address space gone? */
	if (state == PAGE_UNKNOWN)
		return target_verify(&process->base) ?: FAULT_ABSENT;
	if (state == PAGE_SWAPPED)
		return FAULT_ABSENT;
	if (state == PAGE_LEFT)
		return FAULT_TORN;
	if (!(mapping->flags & MAPPING_READ))
		return FAULT_DENIED;
	return check_mapping(process, mapping, address, length);
}

/* A run of pages that are not in memory. Returns how much of it was dealt with:
 * at most to the end of the mapping. */
static uint64_t read_absent(struct process_target *process, enum page_state state, uint64_t address,
			    void *buffer, uint64_t length, enum fault *slot)
{
	const struct mapping *mapping = maps_after(&process->base.maps, address);
	if (!mapping || address < mapping->start) {
		if (mapping && length > mapping->start - address)
			length = mapping->start - address;
		miss(process, slot, buffer, length, FAULT_UNMAPPED);
		return length;
	}
	if (length > mapping->end - address)
		length = mapping->end - address;
	enum fault fault = absent_fault(process, mapping, state, address, &length);
	if (fault != FAULT_NONE)
		miss(process, slot, buffer, length, fault);
	else
		read_clean(process, mapping, address, buffer, length, slot);
	return length;
}

/* ---- the whole --------------------------------------------------------- */

static void plan(struct process_target *process, uint64_t address, void *buffer, uint64_t length,
		 enum fault *slot)
{
	uint64_t beyond = length - address_room(address, length);
	length -= beyond;
	char *out = buffer;
	while (length) {
		uint64_t run;
		enum page_state state = presence_at(&process->presence, address, &run);
		if (run > length)
			run = length;
		if (state == PAGE_PRESENT)
			gather(process, address, out, run, slot);
		else
			run = read_absent(process, state, address, out, run, slot);
		address += run;
		out += run;
		length -= run;
	}
	if (beyond)
		miss(process, slot, out, beyond, FAULT_UNMAPPED);
}

void process_read_piece(struct target *target, uint64_t address, void *buffer, size_t length,
			size_t *ret_missing, enum fault *ret_fault)
{
	struct process_target *process = (struct process_target *)target;
	*ret_fault = FAULT_NONE;
	process->missing = 0;
	presence_begin(&process->presence);
	plan(process, address, buffer, length, ret_fault);
	flush(process);
	if (process->missing && process->gone)
		*ret_fault = FAULT_GONE;
	*ret_missing = process->missing;
}

void process_read_many(struct target *target, struct target_read *reads, size_t count)
{
	struct process_target *process = (struct process_target *)target;
	presence_begin(&process->presence);
	for (size_t i = 0; i < count; i++) {
		reads[i].fault = FAULT_NONE;
		plan(process, reads[i].address, reads[i].buffer, reads[i].length, &reads[i].fault);
	}
	flush(process);
}
