/* SPDX-License-Identifier: MIT */
/*
 * Structures whose layout the tests of src/elf know: the compiler's own offsetof()
 * is compared with what the debug information of the fixtures says.
 */
#ifndef TESTS_ELF_FIXTURE_H
#define TESTS_ELF_FIXTURE_H

#include <stdint.h>

struct fixture_inner {
	int32_t first;
	struct {
		char skipped[12];
		uint16_t deep;
	} box;
};

typedef struct fixture_inner fixture_alias;
typedef const volatile fixture_alias fixture_alias_of_alias;

struct fixture_outer {
	uint64_t head;
	union {
		uint32_t narrow;
		struct {
			uint16_t low, high;
		};
	};
	fixture_alias_of_alias nested;
	struct fixture_inner array[3];
	struct fixture_inner *pointer;
	struct {
		unsigned before : 3;
		unsigned wide : 13;
		unsigned after : 1;
	} bits;
	unsigned flag : 1;
	char tail[];
};

typedef struct fixture_outer FixtureOuter;

/* Defined in one source file only, known in the other by its tag. */
typedef struct fixture_opaque FixtureOpaque;

struct fixture_holder {
	char padding[24];
	FixtureOpaque *opaque;
};

typedef union {
	char bytes[7];
	uint64_t word;
} fixture_union;

#endif
