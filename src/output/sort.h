/* SPDX-License-Identifier: MIT */
/* By what rows can be sorted: a list per command, which --sort, its help and the
 * completions come from. */
#ifndef OUTPUT_SORT_H
#define OUTPUT_SORT_H

struct sort_column {
	const char *name; /* as in JSON; NULL ends the list */
	int (*compare)(const void *, const void *); /* of pointers to rows, for qsort() */
};

/* What is larger first; what is unknown last. */
#define SORT_LARGER_FIRST(left, right, unknown)                                 \
	(((left) == (unknown)) != ((right) == (unknown)) ?                      \
		 ((left) == (unknown) ? 1 : -1) :                               \
		 ((left) < (right)) - ((left) > (right)))

#endif
