/* SPDX-License-Identifier: MIT */
/* Anonymous memory of a process that was never touched, found without reading it. */
#include "target/process/pages.h"
#include "target/process/process.h"

/* So far ahead is looked at once: what lies behind counts as data, until asked. */
#define AHEAD (UINT64_C(4) << 20)

static bool take_first(void *context, uint64_t start, uint64_t end, enum pages_kind kind)
{
	(void)end;
	(void)kind;
	*(uint64_t *)context = start;
	return false;
}

uint64_t process_next_data(struct target *target, uint64_t address, uint64_t end)
{
	const struct process_target *process = (struct process_target *)target;
	const struct mapping *mapping = maps_find(&target->maps, address);
	if (process->pagemap < 0 || !mapping || mapping_is_file(mapping))
		return address;
	uint64_t start = address & ~(uint64_t)(TARGET_PAGE - 1),
		 most = end - start < AHEAD ? end : start + AHEAD;
	uint64_t first = most;
	if (pages_scan(process->pagemap, start, most, take_first, &first) != 0)
		return address;
	return first > address ? first : address;
}
