/* SPDX-License-Identifier: MIT */
#include "python/layout_private.h"

#include <string.h>

/* A patch release between two that have tables may have one structure as the
 * other of the two has it: _pickle.Unpickler of 3.13.5 is not that of 3.13.0. */
static const struct layout_row *row_with(enum layout_field size_field, int32_t size, uint32_t hexversion)
{
	size_t count;
	const struct layout_row *rows = layout_table(&count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].first >> 16 == hexversion >> 16 && rows[i].at[size_field] == size)
			return &rows[i];
	return NULL;
}

bool layout_adopt_structure(struct layout *layout, enum layout_field size_field, int32_t size,
			    uint32_t hexversion)
{
	const struct layout_row *row = row_with(size_field, size, hexversion);
	if (!row)
		return false;
	for (size_t i = 0; i < LAYOUT_FIELDS; i++) {
		if (layout_fields[i].structure != layout_fields[size_field].structure)
			continue;
		layout->at[i] = row->at[i];
		layout->source[i] = HEAPSPY_LAYOUT_TABLE;
	}
	return true;
}
