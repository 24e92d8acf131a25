/* SPDX-License-Identifier: MIT */
#include "elf_fixture.h"

/* Another of this name is in elf_fixture_other.c, without `data`. */
struct fixture_block {
	void *link;
	char data[40];
};

#define EXPORT __attribute__((visibility("default"), used))

EXPORT struct fixture_outer fixture_outer_object = {.head = 7};
EXPORT FixtureOuter *fixture_outer_pointer = &fixture_outer_object;
EXPORT struct fixture_block fixture_block_object;
EXPORT struct fixture_holder fixture_holder_object;
EXPORT fixture_union fixture_union_object;
EXPORT uint32_t fixture_table[256];

int fixture_function(int argument);
EXPORT int fixture_function(int argument)
{
	return argument + (int)fixture_outer_object.head;
}
