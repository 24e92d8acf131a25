/* SPDX-License-Identifier: MIT */
/*
 * Compares what the three sources of offsets say of one build: the built-in
 * table, the debug information, and from 3.13 on _Py_DebugOffsets, which is
 * initialised data and so is in the file. Used by the tests; not installed.
 *
 *	compare HEXVERSION release|pydebug DWARF-FILE PROGRAM-FILE [MODULE=FILE...]
 *
 * Prints the row chosen, then a line for each field that differs: its name and
 * the numbers of the row, of the row with the debug offsets over it ("-": there
 * are none), and of the debug information. Exit status 0 either way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "elf/file.h"
#include "python/layout_private.h"
#include "python/layouts/files.h"

#define MAX_ROWS 32

static struct heapspy_error *open_program(const char *path, struct elf_file **ret_file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(HEAPSPY_BAD_FILE, errno, "cannot read %s", path);
	return elf_file_open(fd, path, ret_file);
}

int main(int count, char **arguments)
{
	if (count < 5) {
		fprintf(
		    stderr,
		    "usage: compare HEXVERSION release|pydebug DWARF PROGRAM [MODULE=FILE...]\n");
		return 2;
	}
	uint32_t hexversion = (uint32_t)strtoul(arguments[1], NULL, 0);
	enum layout_flavour flavour =
	    strcmp(arguments[2], "pydebug") == 0 ? LAYOUT_PYDEBUG : LAYOUT_RELEASE;

	struct layout dwarf;
	CLEANUP(elf_file_freep) struct elf_file *program = NULL;
	struct heapspy_error *error =
	    layout_from_files(arguments[3], arguments + 5, count - 5, &dwarf);
	if (!error)
		error = open_program(arguments[4], &program);
	if (error) {
		complain("compare", error);
		return 1;
	}

	size_t length = 0;
	size_t wanted = layout_debug_offsets_size(hexversion);
	const void *bytes = wanted ? elf_file_contents(program, ".PyRuntime", &length) : NULL;

	const struct layout_row *rows[MAX_ROWS];
	size_t row_count = layout_table_candidates(hexversion, rows, MAX_ROWS);
	if (bytes)
		layout_sort_by_debug_offsets(rows, row_count, bytes, length);
	/* What the sources are compared for a process would prove: the lists of the
	 * collector, which Debian moved within a structure of the same size. */
	const struct layout_row *row = NULL;
	for (size_t i = 0; i < row_count && !row; i++) {
		if (rows[i]->flavour == flavour &&
		    rows[i]->at[L_GcState_generations] == dwarf.at[L_GcState_generations])
			row = rows[i];
	}
	if (!row) {
		printf("row -\n");
		return 0;
	}
	printf("row %s\n", row->id);

	struct layout table, overlaid;
	layout_from_row(row, &table);
	overlaid = table;
	bool has_debug_offsets = bytes && layout_apply_debug_offsets(&overlaid, bytes, length);
	printf("debug-offsets %s\n", has_debug_offsets ? "yes" : "no");
	for (size_t f = 0; f < LAYOUT_FIELDS; f++) {
		if (table.at[f] == dwarf.at[f] && overlaid.at[f] == dwarf.at[f])
			continue;
		printf("%s.%s %d ", layout_structure_name(f), layout_field_name(f), table.at[f]);
		if (has_debug_offsets)
			printf("%d", overlaid.at[f]);
		else
			printf("-");
		printf(" %d\n", dwarf.at[f]);
	}
	return 0;
}
