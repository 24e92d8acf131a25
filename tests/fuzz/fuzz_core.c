/* SPDX-License-Identifier: MIT */
/* A core file or snapshot, byte by byte: as a target, and as what `heapspy dump` is given. */
#include <heapspy/attach.h>

#include "exercise.h"
#include "harness.h"
#include "target/core/core.h"

static void read_target(const char *path)
{
	struct target *target;
	struct heapspy_error *error = target_open_core(path, &target);
	if (error) {
		exercise_error(error);
		return;
	}
	const struct maps *maps = target_maps(target);
	uint64_t end = 0;
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		uint8_t bytes[64];
		size_t covered;
		REQUIRE(mapping->start < mapping->end && mapping->start >= end);
		end = mapping->end;
		if (i > 64)
			continue;
		target_read_some(target, mapping->start, bytes, sizeof(bytes), &covered);
		target_read(target, mapping->end - 8, bytes, 16);
		uint64_t next = target_next_data(target, mapping->start, mapping->end);
		REQUIRE(next >= mapping->start && next <= mapping->end);
		target_core_missing(target, mapping);
	}
	target_core_executable(target);
	target_free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	const char *path = exercise_file(input, length);
	read_target(path);
	struct heapspy *heapspy;
	struct heapspy_error *error = heapspy_open(path, NULL, &heapspy);
	exercise_error(error);
	if (!error) {
		exercise_heap(heapspy, 0);
		heapspy_detach(heapspy);
	}
	return 0;
}
