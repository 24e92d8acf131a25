/* SPDX-License-Identifier: MIT */
#include "elf_fixture.h"

struct fixture_opaque {
	uint64_t one, two;
	uint8_t three;
};

struct fixture_block {
	int number;
	int other_number;
	struct fixture_opaque held;
};

#define EXPORT __attribute__((visibility("default"), used))

EXPORT struct fixture_opaque fixture_opaque_object;
EXPORT struct fixture_block fixture_other_block;
