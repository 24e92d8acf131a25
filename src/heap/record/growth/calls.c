/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/calls.h"

#include <string.h>
#include <sys/mman.h>

#include "elf/module.h"

/* libc.so.6, libc-2.31.so, libc.musl-x86_64.so.1, ld-musl-x86_64.so.1 */
static bool is_libc(const struct mapping *mapping)
{
	static const char *const names[] = {"libc.so", "libc-", "libc.musl", "ld-musl"};
	const char *slash = strrchr(mapping->path, '/');
	if (!mapping_is_file(mapping) || !slash)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(slash + 1, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool look_in(struct elf_module *module, struct record_calls *ret_calls)
{
	struct record_calls calls = {0};
	if (!elf_module_symbol(module, "mmap", &calls.mmap, NULL))
		return false;
	if (!elf_module_symbol(module, "mremap", &calls.mremap, NULL))
		calls.mremap = 0;
	elf_module_range(module, &calls.start, &calls.end);
	*ret_calls = calls;
	return true;
}

bool record_calls_find(struct target *target, struct elf_module *program,
		       struct record_calls *ret_calls)
{
	const struct maps *maps = target_maps(target);
	*ret_calls = (struct record_calls){0};
	for (size_t i = 0; i < maps->count; i++) {
		CLEANUP(elf_module_freep) struct elf_module *module = NULL;
		if (!is_libc(&maps->items[i]))
			continue;
		heapspy_error_free(elf_module_open(target, &maps->items[i], &module));
		if (module && look_in(module, ret_calls))
			return true;
	}
	return program && look_in(program, ret_calls);
}

bool record_calls_parse(const struct record_calls *calls, const struct watch_event *event,
			struct record_call *ret_call)
{
	const uint64_t *registers = event->registers;
	uint64_t caller;
	if (!registers || event->stack_length < sizeof(caller))
		return false;
	/* The return address is on top of the stack; System V ABI: rdi, rsi, rdx, rcx, r8. */
	memcpy(&caller, event->stack, sizeof(caller));
	bool inside = caller >= calls->start && caller < calls->end;
	uint64_t first = registers[WATCH_RSI], second = registers[WATCH_RDX];
	if (event->address == calls->mremap) {
		*ret_call = (struct record_call){
			.moves = true, .from_malloc = inside, .bytes = (int64_t)(second - first),
			.start = registers[WATCH_RDI], .length = first};
		return first < INT64_MAX && second < INT64_MAX;
	}
	uint64_t flags = registers[WATCH_RCX];
	/* Stacks of threads and heaps of arenas begin without any rights. */
	bool plain = second == (PROT_READ | PROT_WRITE) &&
		     (flags & (MAP_PRIVATE | MAP_ANONYMOUS)) == (MAP_PRIVATE | MAP_ANONYMOUS) &&
		     !(flags & (MAP_NORESERVE | MAP_STACK | MAP_FIXED));
	*ret_call = (struct record_call){.from_malloc = inside && plain, .bytes = (int64_t)first};
	return (second & PROT_WRITE) && first < INT64_MAX;
}
