/* SPDX-License-Identifier: MIT */
/* The name that a mistyped one was meant to be. */
#ifndef CMD_NEAREST_H
#define CMD_NEAREST_H

struct nearest {
	const char *to;   /* as typed */
	const char *name; /* nearest so far, NULL: none is near */
	unsigned distance;
};

/* By edits: a letter missing, too many, another, or two swapped. Near are two, or
 * a third of a long name, but never all of it. */
void nearest_try(struct nearest *nearest, const char *name);

#endif
