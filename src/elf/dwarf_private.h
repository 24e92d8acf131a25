/* SPDX-License-Identifier: MIT */
/* What the files of dwarf.h share. */
#ifndef ELF_DWARF_PRIVATE_H
#define ELF_DWARF_PRIVATE_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "elf/dwarf.h"
#include "elf/file.h"

struct dwarf_index;

/* The bytes of one debug section as libdw sees them. */
struct dwarf_section {
	const char *start, *end;
};

enum { DWARF_MAX_SECTIONS = 32 };

struct dwarf {
	struct elf_file *file;
	Dwarf *debug;
	struct elf_file *alternate_file; /* what dwz moved out, NULL if nothing */
	Dwarf *alternate;
	struct dwarf_section sections[DWARF_MAX_SECTIONS]; /* of both files */
	size_t section_count;
	struct dwarf_index *index; /* made by the first question */
};

/* The name of a DIE, NULL if it has none. dwarf_diename() does not see to it that
 * the name ends within its section. */
const char *dwarf_name(const struct dwarf *dwarf, Dwarf_Die *die);

/* Whether a file has debug information itself. */
bool dwarf_is_in(const struct elf_file *file);

/* Of a file that has it; what dwz moved out of it is looked for under `root`.
 * `directory` is where the file lies below that root. Takes the file, also when
 * it fails; `name` is for the message. */
struct heapspy_error *dwarf_open_found(struct elf_file *file, int root, const char *directory,
				       const char *name, struct dwarf **ret_dwarf);

/* NULL where there is no memory for it. Damaged debug information gives an
 * index of what could be read. */
struct dwarf_index *dwarf_index_new(struct dwarf *dwarf);
void dwarf_index_free(struct dwarf_index *index);
DEFINE_CLEANUP(struct dwarf_index *, dwarf_index_free)

/* Calls `visit` with each type DIE of this name: struct, union, class, typedef. */
typedef void dwarf_type_visitor(Dwarf_Die *type, bool alternate, void *context);
void dwarf_index_visit(struct dwarf *dwarf, const char *name, dwarf_type_visitor *visit,
		       void *context);

/* Walks over damaged debug information end there. */
enum { DWARF_MOST_VISITED = 4 << 20, DWARF_DEEPEST = 256 };

/* The function that holds an address of the file, and what a DIE of it is called. */
struct dwarf_places;
bool dwarf_places_function(struct dwarf_places *places, uint64_t address,
			   Dwarf_Die *ret_function);
const char *dwarf_places_name(const struct dwarf_places *places, Dwarf_Die *die);

#endif
