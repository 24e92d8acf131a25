/* SPDX-License-Identifier: MIT */
#include "python/code.h"

#include <stdlib.h>
#include <string.h>

#include "python/types.h"
#include "python/unicode.h"

enum { FIRST_SLOTS = 256 }; /* a power of two */

/* Of all line tables together, the ones that could not be read included: a target may
 * give each frame another of the largest. */
static const uint64_t MOST_TABLES = UINT64_C(256) << 20;

struct codes {
	struct python *python;
	uint64_t type; /* PyCode_Type, 0: not met yet */
	/* Open hash table by address. One whose place was taken stays, unreachable by its
	 * parts, for the texts that were handed out. */
	struct code **slots;
	size_t slot_count, used;
	uint64_t table_bytes; /* read so far */
};

struct codes *codes_new(struct python *python)
{
	struct codes *codes = calloc(1, sizeof(*codes));
	if (!codes)
		return NULL;
	codes->python = python;
	codes->slots = calloc(FIRST_SLOTS, sizeof(*codes->slots));
	codes->slot_count = FIRST_SLOTS;
	if (codes->slots)
		return codes;
	free(codes);
	return NULL;
}

static void code_free(struct code *code)
{
	if (!code)
		return;
	free(code->function);
	free(code->file);
	free(code->table);
	free(code);
}

void codes_free(struct codes *codes)
{
	if (!codes)
		return;
	for (size_t i = 0; i < codes->slot_count; i++)
		code_free(codes->slots[i]);
	free(codes->slots);
	free(codes);
}

/* ---- reading one --------------------------------------------------------------- */

static uint64_t type_of(struct python *python, uint64_t object)
{
	return peek_u64(python->peek, object + OFFSET(&python->layout, Object, ob_type));
}

bool codes_is_code(struct codes *codes, uint64_t address)
{
	struct python *python = codes->python;
	if (address < 4096 || address % 8 != 0 || address >> 47)
		return false;
	uint64_t type = type_of(python, address);
	if (codes->type)
		return type == codes->type;
	if (type < 4096 || type_of(python, type) != python->type_type)
		return false;
	char name[8];
	uint64_t text = peek_u64(python->peek, type + OFFSET(&python->layout, TypeObject, tp_name));
	peek_string(python->peek, text, name, sizeof(name));
	if (strcmp(name, "code") != 0)
		return false;
	codes->type = type;
	return true;
}

static void read_parts(struct python *python, uint64_t address, uint64_t parts[CODE_PARTS])
{
	const struct layout *layout = &python->layout;
	int32_t name = HAS(layout, CodeObject, co_qualname)
			       ? OFFSET(layout, CodeObject, co_qualname)
			       : OFFSET(layout, CodeObject, co_name);
	parts[0] = peek_u64(python->peek, address + name);
	parts[1] = peek_u64(python->peek, address + OFFSET(layout, CodeObject, co_filename));
	parts[2] = peek_u64(python->peek, address + OFFSET(layout, CodeObject, co_linetable));
}

/* A str, or NULL and a fault. */
static char *read_text(struct python *python, uint64_t object)
{
	uint64_t flags =
		peek_u64(python->peek,
			 type_of(python, object) + OFFSET(&python->layout, TypeObject, tp_flags));
	if (flags & TYPE_UNICODE_SUBCLASS)
		return unicode_read(python->peek, &python->layout, object);
	peek_raise(python->peek, FAULT_STRANGE);
	return NULL;
}

/* The bytes object with the line table. Without one there is just no line. */
static void read_table(struct codes *codes, struct code *code)
{
	struct python *python = codes->python;
	const struct layout *layout = &python->layout;
	uint64_t bytes = code->parts[2];
	uint64_t length = peek_u64(python->peek, bytes + OFFSET(layout, VarObject, ob_size));
	if (length > CODE_TABLE_MAX || length > MOST_TABLES - codes->table_bytes)
		return;
	/* One that is not all there is most often not there at its end; what is large is made
	 * room for when it is. */
	uint64_t text = bytes + OFFSET(layout, BytesObject, ob_sval);
	peek_u8(python->peek, text + length);
	enum fault fault = peek_take_fault(python->peek);
	if (fault != FAULT_NONE) {
		peek_raise(python->peek, fault);
		return;
	}
	code->table = malloc(length + 1);
	if (!code->table)
		return;
	codes->table_bytes += length;
	peek_bytes(python->peek, text, code->table, length);
	code->length = length;
}

static struct code *read_code(struct codes *codes, uint64_t address,
			      const uint64_t parts[CODE_PARTS])
{
	struct python *python = codes->python;
	struct code *code = calloc(1, sizeof(*code));
	if (!code)
		return NULL;
	code->address = address;
	memcpy(code->parts, parts, sizeof(code->parts));
	code->format = lines_format(python->hexversion);
	code->first_line = peek_i32(python->peek,
				    address + OFFSET(&python->layout, CodeObject, co_firstlineno));
	code->function = read_text(python, parts[0]);
	code->file = read_text(python, parts[1]);
	read_table(codes, code);
	return code;
}

int32_t code_line(const struct code *code, int64_t position)
{
	int32_t line;
	if (!code->table && position >= 0)
		return LINE_NONE;
	return lines_find(code->format, code->table, code->length, code->first_line, position,
			  &line)
		       ? line
		       : LINE_NONE;
}

/* ---- remembering them -------------------------------------------------------------- */

static size_t first_slot(const struct codes *codes, uint64_t address)
{
	return (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (codes->slot_count - 1);
}

static void put(struct codes *codes, struct code *code)
{
	size_t i = first_slot(codes, code->address);
	while (codes->slots[i])
		i = (i + 1) & (codes->slot_count - 1);
	codes->slots[i] = code;
}

static bool grow(struct codes *codes)
{
	struct code **old = codes->slots;
	size_t old_count = codes->slot_count;
	struct code **slots = calloc(old_count * 2, sizeof(*slots));
	if (!slots)
		return false;
	codes->slots = slots;
	codes->slot_count = old_count * 2;
	for (size_t i = 0; i < old_count; i++)
		if (old[i])
			put(codes, old[i]);
	free(old);
	return true;
}

enum fault codes_find(struct codes *codes, uint64_t address, const struct code **ret_code)
{
	struct python *python = codes->python;
	uint64_t parts[CODE_PARTS];
	peek_take_fault(python->peek);
	read_parts(python, address, parts);
	enum fault fault = peek_take_fault(python->peek);
	if (fault != FAULT_NONE)
		return fault;
	for (size_t i = first_slot(codes, address); codes->slots[i];
	     i = (i + 1) & (codes->slot_count - 1)) {
		const struct code *known = codes->slots[i];
		if (known->address == address && memcmp(known->parts, parts, sizeof(parts)) == 0) {
			*ret_code = known;
			return FAULT_NONE;
		}
	}
	if (codes->used * 2 >= codes->slot_count && !grow(codes))
		return FAULT_ABSENT;
	struct code *code = read_code(codes, address, parts);
	fault = peek_take_fault(python->peek);
	if (fault == FAULT_NONE && (!code || !code->function || !code->file))
		fault = FAULT_ABSENT;
	if (fault != FAULT_NONE) {
		code_free(code);
		return fault;
	}
	put(codes, code);
	codes->used++;
	*ret_code = code;
	return FAULT_NONE;
}
