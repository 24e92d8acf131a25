/* SPDX-License-Identifier: MIT */
#include "cmd/nearest.h"

#include <string.h>

enum { LONGEST = 32 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance; of no more than LONGEST letters. */
static unsigned distance(const char *from, size_t from_length, const char *to, size_t to_length)
{
	unsigned edits[LONGEST + 1][LONGEST + 1];
	for (size_t i = 0; i <= from_length; i++) {
		for (size_t j = 0; j <= to_length; j++) {
			if (i == 0 || j == 0) {
				edits[i][j] = (unsigned)(i + j);
				continue;
			}
			unsigned other = from[i - 1] != to[j - 1];
			unsigned best = least(edits[i - 1][j], edits[i][j - 1]) + 1;
			best = least(best, edits[i - 1][j - 1] + other);
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
				best = least(best, edits[i - 2][j - 2] + 1);
			edits[i][j] = best;
		}
	}
	return edits[from_length][to_length];
}

void nearest_try(struct nearest *nearest, const char *name)
{
	size_t from = strlen(nearest->to), to = strlen(name);
	if (from == 0 || from > LONGEST || to > LONGEST)
		return;
	unsigned edits = distance(nearest->to, from, name, to);
	unsigned near = (unsigned)(to < 6 ? 2 : to / 3);
	if (edits <= near && edits < to && (!nearest->name || edits < nearest->distance)) {
		nearest->name = name;
		nearest->distance = edits;
	}
}
