/* SPDX-License-Identifier: MIT */
/*
 * What can go wrong when bytes of a target are read.
 *
 * Readers return a fault, not an error object: most faults are expected (a
 * process goes on living while it is read), are counted, and cost nothing.
 * Where one ends a whole command, error_from_fault() makes an error of it.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

enum fault {
	FAULT_NONE = 0,
	FAULT_GONE,     /* the process ended, or became another by exec */
	FAULT_DENIED,   /* the kernel refuses to show it */
	FAULT_UNMAPPED, /* nothing is mapped there */
	FAULT_ABSENT,   /* mapped, but its bytes are not at hand: swapped out, left out of a core */
	FAULT_TORN,     /* it changed while it was read */
	FAULT_STRANGE,  /* it contradicts itself: not what it was taken for */
};

#endif
