/* SPDX-License-Identifier: MIT */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>

#include "elf/cfi_private.h"
#include "elf/module_private.h"

/* Addresses that are remembered, a power of two; some 300 bytes each once used. */
#define MOST_ROWS 4096

/* No program has more of it: libdw reads it whole. */
#define MAX_SECTION (UINT64_C(1) << 28)

struct cfi {
	struct elf_module *module;
	Dwarf_CFI *tables; /* belongs to us */
	struct cfi_row *rows[MOST_ROWS];
};

static bool is_sane(const struct elf_file *file)
{
	static const char *const names[] = {".eh_frame", ".eh_frame_hdr"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		GElf_Shdr header;
		if (elf_file_section(file, names[i], &header) &&
		    (header.sh_size > MAX_SECTION || header.sh_flags & SHF_COMPRESSED))
			return false;
	}
	size_t count;
	if (elf_getphdrnum(file->elf, &count) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		if (gelf_getphdr(file->elf, (int)i, &header) &&
		    header.p_type == PT_GNU_EH_FRAME && header.p_filesz > MAX_SECTION)
			return false;
	}
	return true;
}

struct cfi *cfi_new(struct elf_module *module)
{
	const struct elf_file *file = elf_module_image(module);
	if (!file || !is_sane(file))
		return NULL;
	CLEANUP(cfi_freep) struct cfi *cfi = calloc(1, sizeof(*cfi));
	if (!cfi)
		return NULL;
	cfi->module = module;
	cfi->tables = dwarf_getcfi_elf(file->elf);
	return cfi->tables ? take_pointer(cfi) : NULL;
}

static void row_free(struct cfi_row *row)
{
	if (row)
		free(row->operations);
	free(row);
}

void cfi_free(struct cfi *cfi)
{
	if (!cfi)
		return;
	for (size_t i = 0; i < MOST_ROWS; i++)
		row_free(cfi->rows[i]);
	if (cfi->tables)
		dwarf_cfi_end(cfi->tables);
	free(cfi);
}

/* ---- from libdw's form to ours ------------------------------------------------ */

/* Expressions of one row, in line. */
struct translation {
	struct cfi_operation operations[CFI_MOST_OPERATIONS * 2];
	size_t count;
};

static bool add_expression(struct translation *translation, const Dwarf_Op *operations,
			   size_t count, struct cfi_rule *rule)
{
	size_t room = sizeof(translation->operations) / sizeof(*translation->operations);
	if (count > CFI_MOST_OPERATIONS || count > room - translation->count)
		return false;
	rule->number = (int64_t)translation->count;
	rule->length = (uint8_t)count;
	for (size_t i = 0; i < count; i++)
		translation->operations[translation->count++] = (struct cfi_operation){
			operations[i].atom, operations[i].number, operations[i].number2,
			operations[i].offset};
	return true;
}

/* dwarf_frame_cfa(): a register and a number, or an expression. */
static bool translate_cfa(struct translation *translation, const Dwarf_Op *operations,
			  size_t count, struct cfi_rule *rule)
{
	if (count == 1 && operations->atom == DW_OP_bregx && operations->number < REGISTER_COUNT) {
		rule->kind = CFI_IN;
		rule->in = (uint8_t)operations->number;
		rule->number = (int64_t)operations->number2;
		return true;
	}
	rule->kind = CFI_IS_RESULT;
	return add_expression(translation, operations, count, rule);
}

/* dwarf_frame_register(): a location, or with DW_OP_stack_value at its end a value. */
static bool translate_rule(struct translation *translation, const Dwarf_Op *operations,
			   size_t count, struct cfi_rule *rule)
{
	bool is_value = operations[count - 1].atom == DW_OP_stack_value;
	size_t length = count - is_value;
	bool simple = length == 1 ||
		      (length == 2 && operations[1].atom == DW_OP_plus_uconst);
	if (simple && length && operations->atom == DW_OP_call_frame_cfa) {
		rule->kind = is_value ? CFI_IS : CFI_SAVED_AT;
		rule->number = length == 2 ? (int64_t)operations[1].number : 0;
		return true;
	}
	if (count == 1 && operations->atom == DW_OP_regx && operations->number < REGISTER_COUNT) {
		rule->kind = CFI_IN;
		rule->in = (uint8_t)operations->number;
		return true;
	}
	rule->kind = is_value ? CFI_IS_RESULT : CFI_SAVED_AT_RESULT;
	return add_expression(translation, operations, length, rule);
}

static bool translate(Dwarf_Frame *frame, struct cfi_row *row)
{
	struct translation translation = {.count = 0};
	Dwarf_Addr start, end;
	Dwarf_Op *operations, storage[3];
	size_t count;
	if (dwarf_frame_info(frame, &start, &end, &row->is_signal) != REGISTER_IP)
		return false;
	if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count == 0 ||
	    !translate_cfa(&translation, operations, count, &row->cfa))
		return false;
	for (int i = 0; i < REGISTER_COUNT; i++) {
		struct cfi_rule *rule = &row->rules[i];
		if (dwarf_frame_register(frame, i, storage, &operations, &count) != 0)
			return false;
		if (count == 0)
			rule->kind = operations ? CFI_LOST : CFI_SAME;
		else if (!translate_rule(&translation, operations, count, rule))
			return false;
	}
	if (translation.count == 0)
		return true;
	size_t bytes = translation.count * sizeof(*row->operations);
	row->operations = malloc(bytes);
	if (row->operations)
		memcpy(row->operations, translation.operations, bytes);
	return row->operations != NULL;
}

static const struct cfi_row *find_row(struct cfi *cfi, uint64_t address)
{
	uint64_t hash = address * UINT64_C(0x9e3779b97f4a7c15) >> 52;
	struct cfi_row **slot = &cfi->rows[hash % MOST_ROWS];
	if (*slot && (*slot)->address == address)
		return *slot;
	row_free(*slot);
	*slot = calloc(1, sizeof(**slot));
	if (!*slot)
		return NULL;
	(*slot)->address = address;
	Dwarf_Frame *frame = NULL;
	if (dwarf_cfi_addrframe(cfi->tables, address, &frame) == 0)
		(*slot)->found = translate(frame, *slot);
	free(frame);
	return *slot;
}

enum cfi_result cfi_step(struct cfi *cfi, uint64_t address, struct registers *registers,
			 cfi_reader *read, void *context, bool *ret_is_signal)
{
	const struct cfi_row *row = find_row(cfi, address - cfi->module->bias);
	if (!row || !row->found)
		return CFI_NONE;
	*ret_is_signal = row->is_signal;
	return cfi_apply(row, registers, read, context);
}
