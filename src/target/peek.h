/* SPDX-License-Identifier: MIT */
/*
 * Small reads through a cache of pages, with a fault that sticks.
 *
 * A walk reads field after field and looks at `fault` once at its end: after
 * the first fault every read gives zeros and changes nothing. Clear it with
 * peek_take_fault() before the next walk.
 *
 *	uint64_t type = peek_u64(peek, object + 8);
 *	uint64_t flags = peek_u64(peek, type + 168);
 *	if (peek_take_fault(peek) != FAULT_NONE)
 *		return ...;
 *
 * What is cached is as old as the last peek_forget().
 */
#ifndef TARGET_PEEK_H
#define TARGET_PEEK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"

struct target;
struct peek;

/* NULL where there is no memory for it. The target must outlive it. */
struct peek *peek_new(struct target *target);
void peek_free(struct peek *peek);
DEFINE_CLEANUP(struct peek *, peek_free)

/* Drop what is cached: at the start of each sample. */
void peek_forget(struct peek *peek);

struct target *peek_target(struct peek *peek);

/* How many reads there were so far. What a hostile target may make as long as it likes is
 * bounded by this: a search among many, begun again and again. */
uint64_t peek_reads(const struct peek *peek);

/* Read another target from now on. What is cached is dropped. */
void peek_retarget(struct peek *peek, struct target *target);

/* `length` bytes to `buffer`, zeros after a fault. */
void peek_bytes(struct peek *peek, uint64_t address, void *buffer, size_t length);

/* A pointer to `length` (at most 4096) bytes, valid until the next call on this
 * peek; never NULL: zeros after a fault. */
const void *peek_at(struct peek *peek, uint64_t address, size_t length);

/* NUL-terminated bytes of at most `size` - 1, cut there; raw, not sanitised. */
void peek_string(struct peek *peek, uint64_t address, char *buffer, size_t size);

/* The first fault since it was last taken, and FAULT_NONE from then on. */
enum fault peek_take_fault(struct peek *peek);

/* Raise a fault of one's own: what was read contradicts itself. The first sticks. */
void peek_raise(struct peek *peek, enum fault fault);

static inline uint64_t peek_u64(struct peek *peek, uint64_t address)
{
	uint64_t value;
	memcpy(&value, peek_at(peek, address, sizeof(value)), sizeof(value));
	return value;
}

static inline int64_t peek_i64(struct peek *peek, uint64_t address)
{
	return (int64_t)peek_u64(peek, address);
}

static inline uint32_t peek_u32(struct peek *peek, uint64_t address)
{
	uint32_t value;
	memcpy(&value, peek_at(peek, address, sizeof(value)), sizeof(value));
	return value;
}

static inline int32_t peek_i32(struct peek *peek, uint64_t address)
{
	return (int32_t)peek_u32(peek, address);
}

static inline uint16_t peek_u16(struct peek *peek, uint64_t address)
{
	uint16_t value;
	memcpy(&value, peek_at(peek, address, sizeof(value)), sizeof(value));
	return value;
}

static inline uint8_t peek_u8(struct peek *peek, uint64_t address)
{
	return *(const uint8_t *)peek_at(peek, address, 1);
}

#endif
