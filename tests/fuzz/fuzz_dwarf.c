/* SPDX-License-Identifier: MIT */
/* Debug information. */
#include "elf/dwarf.h"
#include "exercise.h"
#include "harness.h"

static const char *const names[] = {
    "fixture_outer", "FixtureOuter",	       "fixture_block", "FixtureOpaque", "fixture_holder",
    "fixture_union", "fixture_alias_of_alias", "fixture_inner", "nothing",
};

static const char *const members[] = {"head", "high",  "nested.box.deep", "bits.wide",
				      "flag", "three", "held.two",	  "opaque"};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct dwarf *dwarf;
	struct heapspy_error *error = dwarf_open_file(exercise_file(input, length), &dwarf);
	if (error) {
		exercise_error(error);
		return 0;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct dwarf_structure found[4];
		int32_t number = 0;
		REQUIRE(dwarf_find(dwarf, names[i], found, 4) <= 4);
		if (dwarf_size(dwarf, names[i], &number))
			REQUIRE(number >= 0);
		for (size_t j = 0; j < sizeof(members) / sizeof(*members); j++)
			if (dwarf_offset(dwarf, names[i], members[j], &number))
				REQUIRE(number >= 0);
	}
	dwarf_free(dwarf);
	return 0;
}
