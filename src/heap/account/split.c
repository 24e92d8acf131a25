/* SPDX-License-Identifier: MIT */
#include "heap/account/split.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/bisect.h"
#include "base/io.h"
#include "heap/account/mappings.h"
#include "target/process/pages.h"
#include "target/process/smaps.h"

#define MAX_THREADS 65536

struct split {
	struct target *target;
	const struct census *census;
	struct heapspy_memory *memory;
	int pagemap;
	uint64_t *stack_pointers; /* sorted */
	size_t stack_count;
	bool wants_mappings;
	struct mapping_list mappings;
	uint64_t python; /* resident bytes of arenas */
	uint64_t malloc; /* of malloc's heaps and chunks */
};

/* ---- stacks: where the threads' stack pointers are ------------------------- */

/* Last but one word of /proc/PID/task/TID/syscall: "NR ARGS... SP PC", "running" for
 * a thread that runs. */
static uint64_t stack_pointer(int tasks, const char *tid)
{
	char name[288];
	size_t length;
	snprintf(name, sizeof(name), "%s/syscall", tid);
	char *text = io_read_file(tasks, name, 4096, &length);
	if (!text)
		return 0;
	uint64_t words[2] = {0};
	for (char *save, *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		words[0] = words[1];
		words[1] = strtoull(word, NULL, 16);
	}
	free(text);
	return words[0];
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static void learn_stacks(struct split *split)
{
	int fd = openat(target_proc_directory(split->target), "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;
	if (!tasks) {
		if (fd >= 0)
			close(fd);
		return;
	}
	size_t capacity = 0;
	for (struct dirent *entry; (entry = readdir(tasks)) && split->stack_count < MAX_THREADS;) {
		if (entry->d_name[0] == '.')
			continue;
		if (!ARRAY_RESERVE(split->stack_pointers, capacity, split->stack_count + 1))
			break;
		split->stack_pointers[split->stack_count++] = stack_pointer(dirfd(tasks), entry->d_name);
	}
	closedir(tasks);
	if (split->stack_count)
		qsort(split->stack_pointers, split->stack_count, sizeof(uint64_t), compare_words);
}

static bool holds_stack(const struct split *split, const struct smaps_entry *entry)
{
	if (strncmp(entry->path, "[stack", 6) == 0)
		return true;
	size_t low = BISECT(split->stack_count, at, split->stack_pointers[at] < entry->start);
	return low < split->stack_count && split->stack_pointers[low] < entry->end;
}

/* ---- resident pages of a range --------------------------------------------- */

static bool add_run(void *context, uint64_t start, uint64_t end, enum pages_kind kind)
{
	if (kind != PAGES_SWAPPED)
		*(uint64_t *)context += end - start;
	return true;
}

static uint64_t resident(const struct split *split, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;
	return split->pagemap >= 0 && pages_scan(split->pagemap, start, end, add_run, &bytes) == 0 ? bytes : 0;
}

/* Resident bytes of what both the mapping and [start, end) hold. */
static uint64_t overlap(const struct split *split, const struct smaps_entry *entry, uint64_t start,
			uint64_t end)
{
	start = start < entry->start ? entry->start : start & ~UINT64_C(4095);
	end = end > entry->end ? entry->end : (end + 4095) & ~UINT64_C(4095);
	return start < end ? resident(split, start, end) : 0;
}

static uint64_t python_part(const struct split *split, const struct smaps_entry *entry)
{
	const struct arenas *arenas = &split->census->arenas;
	uint64_t bytes = 0;
	for (size_t i = 0; i < arenas->count; i++)
		bytes += overlap(split, entry, arenas->items[i].mapped, arenas->items[i].end);
	return bytes;
}

static uint64_t malloc_part(const struct split *split, const struct smaps_entry *entry)
{
	const struct glibc *glibc = &split->census->glibc;
	uint64_t bytes = 0;
	/* Nothing tells the mappings of another malloc from the rest. */
	if (split->census->malloc_name && !glibc->arena_count)
		return entry->rss;
	for (size_t i = 0; i < glibc->segment_count; i++)
		if (glibc->segments[i].start < entry->end && glibc->segments[i].end > entry->start)
			return entry->rss; /* a heap of a thread arena has its mapping to itself */
	for (size_t i = 0; i < glibc->mmapped_count; i++)
		bytes += overlap(split, entry, glibc->mmapped[i].start, glibc->mmapped[i].end);
	return bytes;
}

/* ---- a mapping at a time ---------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void split_anonymous(struct split *split, const struct smaps_entry *entry)
{
	uint64_t left = entry->rss;
	uint64_t python = least(left, python_part(split, entry));
	left -= python;
	uint64_t malloc = least(left, malloc_part(split, entry));
	left -= malloc;
	split->python += python;
	split->malloc += malloc;
	split->memory->account[HEAPSPY_MEMORY_MMAP] += left;
}

static bool overlaps_arena(const struct split *split, const struct smaps_entry *entry)
{
	const struct arenas *arenas = &split->census->arenas;
	for (size_t i = 0; i < arenas->count; i++)
		if (arenas->items[i].mapped < entry->end && arenas->items[i].end > entry->start)
			return true;
	return false;
}

static bool overlaps_malloc(const struct split *split, const struct smaps_entry *entry)
{
	const struct glibc *glibc = &split->census->glibc;
	for (size_t i = 0; i < glibc->segment_count; i++)
		if (glibc->segments[i].start < entry->end && glibc->segments[i].end > entry->start)
			return true;
	for (size_t i = 0; i < glibc->mmapped_count; i++)
		if (glibc->mmapped[i].start < entry->end && glibc->mmapped[i].end > entry->start)
			return true;
	return false;
}

/* What the mapping is called. One without a name may hold several things: it is called
 * after the first that it is known to hold. */
static const char *name_of(const struct split *split, const struct smaps_entry *entry)
{
	if (entry->path[0] && !entry->file && holds_stack(split, entry) &&
	    strncmp(entry->path, "[stack", 6) != 0)
		return "[thread stacks]";
	if (entry->path[0])
		return entry->path;
	return entry->shared                    ? "[shared anonymous]"
	       : holds_stack(split, entry)      ? "[thread stacks]"
	       : overlaps_arena(split, entry)   ? "[pymalloc arenas]"
	       : overlaps_malloc(split, entry)  ? "[malloc]"
					        : "[anonymous]";
}

static void add_mapping(void *context, const struct smaps_entry *entry)
{
	struct split *split = context;
	if (split->wants_mappings)
		mapping_list_add(&split->mappings, name_of(split, entry), entry);
	struct heapspy_memory *memory = split->memory;
	memory->rss += entry->rss;
	memory->pss += entry->pss;
	memory->uss += entry->private_bytes;
	memory->swap += entry->swap;
	if (!entry->rss)
		return;
	if (entry->shared)
		memory->account[HEAPSPY_MEMORY_SHARED] += entry->rss;
	else if (entry->file)
		memory->account[HEAPSPY_MEMORY_FILE] += entry->rss;
	else if (strcmp(entry->path, "[heap]") == 0)
		split->malloc += entry->rss;
	else if (holds_stack(split, entry))
		memory->account[HEAPSPY_MEMORY_STACK] += entry->rss;
	else if (entry->path[0] == '[' && strncmp(entry->path, "[anon", 5) != 0)
		memory->account[HEAPSPY_MEMORY_OTHER] += entry->rss;
	else
		split_anonymous(split, entry);
}

/* Of `bytes`, take `wanted` for a kind: no more than there is. */
static uint64_t take(struct heapspy_memory *memory, enum heapspy_memory_kind kind, uint64_t bytes,
		     uint64_t wanted)
{
	uint64_t taken = least(bytes, wanted);
	memory->account[kind] += taken;
	return bytes - taken;
}

static void split_heaps(struct split *split)
{
	struct heapspy_memory *memory = split->memory;
	const struct heapspy_allocator *pools = &split->census->allocator;
	uint64_t left = split->python;
	left = take(memory, HEAPSPY_MEMORY_PYTHON_OBJECTS, left, pools->bytes_in_use - pools->raw_bytes);
	left = take(memory, HEAPSPY_MEMORY_PYTHON_RAW, left, pools->raw_bytes);
	left = take(memory, HEAPSPY_MEMORY_PYTHON_FREE, left,
		    pools->bytes_free + pools->bytes_pool_headers + pools->bytes_quantization);
	memory->account[HEAPSPY_MEMORY_PYTHON_POOLS] += left;
	left = split->malloc;
	const struct glibc_totals *malloc = &split->census->malloc;
	uint64_t in_use = split->census->glibc.arena_count ? malloc->in_use + malloc->mmapped : left;
	left = take(memory, HEAPSPY_MEMORY_MALLOC, left, in_use);
	memory->account[HEAPSPY_MEMORY_MALLOC_FREE] += left;
}

bool account_split(struct target *target, const struct census *census, struct heapspy_memory *memory,
		   struct heapspy_mappings *mappings)
{
	int proc = target_proc_directory(target);
	if (proc < 0)
		return false;
	struct heapspy_memory account = *memory;
	account.rss = account.pss = account.uss = account.swap = 0;
	memset(account.account, 0, sizeof(account.account));
	struct split split = {
		.target = target,
		.census = census,
		.memory = &account,
		.wants_mappings = mappings != NULL,
		.pagemap = openat(proc, "pagemap", O_RDONLY | O_CLOEXEC),
	};
	learn_stacks(&split);
	bool done = smaps_read(proc, add_mapping, &split);
	if (done && mappings)
		mapping_list_finish(&split.mappings, mappings);
	mapping_list_fini(&split.mappings);
	split_heaps(&split);
	free(split.stack_pointers);
	if (split.pagemap >= 0)
		close(split.pagemap);
	if (!done)
		return false;
	account.has_account = true;
	*memory = account;
	return true;
}
