/* SPDX-License-Identifier: MIT */
/* Which definitions a name has, and where the members of one are. */
#include <string.h>

#include "elf/dwarf_private.h"

/* How far typedefs lead to typedefs, structures hold nameless structures. */
#define MAX_DEPTH 32
/* Members of one structure: the largest of CPython has some hundreds. */
#define MAX_MEMBERS 65536
/* Definitions of one name that differ. */
#define MAX_DEFINITIONS 16

/* The attribute as a number that it holds itself. */
static bool number(Dwarf_Die *die, unsigned name, uint64_t *ret_value)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret_value = value;
	return true;
}

static bool has(Dwarf_Die *die, unsigned name)
{
	return dwarf_hasattr(die, name);
}

static bool follow(Dwarf_Die *die, unsigned name, Dwarf_Die *ret_die)
{
	Dwarf_Attribute attribute;
	return dwarf_attr(die, name, &attribute) && dwarf_formref_die(&attribute, ret_die);
}

/* From a type to the one that it is another name of. */
static bool strip(Dwarf_Die *type, Dwarf_Die *ret_type)
{
	Dwarf_Die at = *type;
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		bool more;
		switch (dwarf_tag(&at)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_atomic_type:
			if (!follow(&at, DW_AT_type, &at))
				return false;
			more = true;
			break;
		default:
			/* Of a type unit: here is only its signature. */
			more = has(&at, DW_AT_signature) && follow(&at, DW_AT_signature, &at);
		}
		if (!more) {
			*ret_type = at;
			return true;
		}
	}
	return false;
}

/* The same where it ends at a structure, which may be a mere declaration. */
static bool strip_to_structure(Dwarf_Die *type, Dwarf_Die *ret_structure)
{
	Dwarf_Die at;
	if (!strip(type, &at))
		return false;
	int tag = dwarf_tag(&at);
	if (tag != DW_TAG_structure_type && tag != DW_TAG_union_type && tag != DW_TAG_class_type)
		return false;
	*ret_structure = at;
	return true;
}

/* ---- definitions of a name --------------------------------------------- */

struct search {
	struct dwarf *dwarf;
	struct {
		struct dwarf_structure structure;
		uint64_t size, line;
		size_t met;
	} found[MAX_DEFINITIONS];
	size_t count;
	char *declared; /* tag of a structure that was only declared where it was met */
};

static void consider(Dwarf_Die *type, bool alternate, void *context)
{
	struct search *search = context;
	Dwarf_Die structure;
	uint64_t size, line = 0;
	if (!strip_to_structure(type, &structure))
		return;
	if (has(&structure, DW_AT_declaration)) {
		const char *tag = dwarf_name(search->dwarf, &structure);
		if (tag && !search->declared)
			search->declared = strdup(tag);
		return;
	}
	if (!number(&structure, DW_AT_byte_size, &size))
		return;
	number(&structure, DW_AT_decl_line, &line);

	size_t i = 0;
	while (i < search->count &&
	       (search->found[i].size != size || search->found[i].line != line))
		i++;
	if (i == MAX_DEFINITIONS)
		return;
	if (i == search->count) {
		alternate = dwarf_cu_getdwarf(structure.cu) == search->dwarf->alternate;
		search->found[i].structure =
		    (struct dwarf_structure){dwarf_dieoffset(&structure), alternate};
		search->found[i].size = size;
		search->found[i].line = line;
		search->found[i].met = 0;
		search->count++;
	}
	search->found[i].met++;
}

size_t dwarf_find(struct dwarf *dwarf, const char *name, struct dwarf_structure *structures,
		  size_t max)
{
	struct search search = {.dwarf = dwarf};
	dwarf_index_visit(dwarf, name, consider, &search);
	CLEANUP(freep) char *tag = take_pointer(search.declared);
	if (search.count == 0 && tag && strcmp(tag, name) != 0) {
		dwarf_index_visit(dwarf, tag, consider, &search);
		free(search.declared);
	}

	size_t written = 0;
	while (written < max) {
		size_t most = 0;
		for (size_t i = 1; i < search.count; i++) {
			if (search.found[i].met > search.found[most].met)
				most = i;
		}
		if (most >= search.count || search.found[most].met == 0)
			break;
		structures[written++] = search.found[most].structure;
		search.found[most].met = 0;
	}
	return written;
}

/* ---- members ------------------------------------------------------------ */

static bool structure_die(struct dwarf *dwarf, const struct dwarf_structure *structure,
			  Dwarf_Die *ret_die)
{
	Dwarf *debug = structure->alternate ? dwarf->alternate : dwarf->debug;
	return debug && dwarf_offdie(debug, structure->position, ret_die);
}

bool dwarf_structure_size(struct dwarf *dwarf, const struct dwarf_structure *structure,
			  int32_t *ret_size)
{
	Dwarf_Die die;
	uint64_t size;
	if (!structure_die(dwarf, structure, &die) || !number(&die, DW_AT_byte_size, &size) ||
	    size > INT32_MAX)
		return false;
	*ret_size = (int32_t)size;
	return true;
}

/* Bits from the start of the structure that holds the member. */
static bool member_bits(Dwarf_Die *member, uint64_t *ret_bits)
{
	uint64_t bits = 0, bytes;
	if (number(member, DW_AT_data_bit_offset, &bits)) {
		*ret_bits = bits;
		return bits <= INT32_MAX;
	}

	Dwarf_Attribute attribute;
	if (number(member, DW_AT_data_member_location, &bytes)) {
		if (bytes > INT32_MAX)
			return false;
		bits = bytes * 8;
	} else if (dwarf_attr(member, DW_AT_data_member_location, &attribute)) {
		/* DWARF 2: an expression that adds to the address of the structure. */
		Dwarf_Op *operations;
		size_t count;
		if (dwarf_getlocation(&attribute, &operations, &count) != 0 || count != 1 ||
		    operations->atom != DW_OP_plus_uconst || operations->number > INT32_MAX)
			return false;
		bits = operations->number * 8;
	}

	/* DWARF 3: the distance of the field's most significant bit from that of the
	 * unit of storage that begins at the location. */
	uint64_t from_top, width, unit;
	if (number(member, DW_AT_bit_offset, &from_top)) {
		Dwarf_Die type;
		if (!number(member, DW_AT_bit_size, &width))
			return false;
		if (!number(member, DW_AT_byte_size, &unit) &&
		    !(follow(member, DW_AT_type, &type) && strip(&type, &type) &&
		      number(&type, DW_AT_byte_size, &unit)))
			return false;
		if (unit > 16 || from_top > unit * 8 || width > unit * 8 - from_top)
			return false;
		bits += unit * 8 - from_top - width;
	}
	*ret_bits = bits;
	return true;
}

/* The member of this name (`length` bytes), also of nameless structures within;
 * its type to `ret_member`. Members looked at count against `budget`. */
static bool find_member(struct dwarf *dwarf, Dwarf_Die *structure, const char *name, size_t length,
			int depth, int *budget, Dwarf_Die *ret_member, uint64_t *ret_bits)
{
	Dwarf_Die die;
	if (depth > MAX_DEPTH || dwarf_child(structure, &die) != 0)
		return false;
	do {
		if (--*budget < 0)
			return false;
		if (dwarf_tag(&die) != DW_TAG_member)
			continue;
		const char *its = dwarf_name(dwarf, &die);
		if (its) {
			if (strncmp(its, name, length) == 0 && !its[length]) {
				*ret_member = die;
				return member_bits(&die, ret_bits);
			}
			continue;
		}
		Dwarf_Die type, inner;
		uint64_t base, bits;
		if (follow(&die, DW_AT_type, &type) && strip_to_structure(&type, &inner) &&
		    member_bits(&die, &base) &&
		    find_member(dwarf, &inner, name, length, depth + 1, budget, ret_member,
				&bits)) {
			*ret_bits = base + bits;
			return true;
		}
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

/* The structure that a member is, where its own unit only declares it looked up
 * by its tag. */
static bool member_structure(struct dwarf *dwarf, Dwarf_Die *member, Dwarf_Die *ret_structure)
{
	Dwarf_Die type;
	if (!follow(member, DW_AT_type, &type) || !strip_to_structure(&type, ret_structure))
		return false;
	if (!has(ret_structure, DW_AT_declaration))
		return true;
	const char *tag = dwarf_name(dwarf, ret_structure);
	struct dwarf_structure defined;
	return tag && dwarf_find(dwarf, tag, &defined, 1) == 1 &&
	       structure_die(dwarf, &defined, ret_structure);
}

bool dwarf_structure_bits(struct dwarf *dwarf, const struct dwarf_structure *structure,
			  const char *path, int64_t *ret_bits)
{
	Dwarf_Die at, member;
	uint64_t total = 0, bits;
	int budget = MAX_MEMBERS;
	if (!structure_die(dwarf, structure, &at))
		return false;
	for (;;) {
		size_t length = strcspn(path, ".");
		if (!find_member(dwarf, &at, path, length, 0, &budget, &member, &bits))
			return false;
		total += bits;
		if (total > (uint64_t)INT32_MAX * 8)
			return false;
		path += length;
		if (!*path)
			break;
		path++;
		if (!member_structure(dwarf, &member, &at))
			return false;
	}
	*ret_bits = (int64_t)total;
	return true;
}

bool dwarf_size(struct dwarf *dwarf, const char *name, int32_t *ret_size)
{
	struct dwarf_structure structure;
	return dwarf_find(dwarf, name, &structure, 1) == 1 &&
	       dwarf_structure_size(dwarf, &structure, ret_size);
}

bool dwarf_offset(struct dwarf *dwarf, const char *name, const char *path, int32_t *ret_offset)
{
	struct dwarf_structure structures[MAX_DEFINITIONS];
	size_t count = dwarf_find(dwarf, name, structures, MAX_DEFINITIONS);
	for (size_t i = 0; i < count; i++) {
		int64_t bits;
		if (dwarf_structure_bits(dwarf, &structures[i], path, &bits) && bits % 8 == 0) {
			*ret_offset = (int32_t)(bits / 8);
			return true;
		}
	}
	return false;
}
