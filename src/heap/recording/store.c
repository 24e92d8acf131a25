/* SPDX-License-Identifier: MIT */
#include "heap/recording/private.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "target/process/proc.h"

void heapspy_recording_free(struct heapspy_recording *recording)
{
	struct recording_store *store = (struct recording_store *)recording;
	if (!store)
		return;
	for (size_t i = 0; i < store->text_count; i++)
		free(store->texts[i]);
	for (size_t i = 0; i < recording->census_count; i++)
		free(recording->censuses[i].types);
	proc_command_free(recording->target.command);
	free(recording->target.executable);
	free(recording->target.path);
	free(recording->path);
	free(recording->frames);
	free(recording->stacks);
	free(recording->threads);
	free(recording->types);
	free(recording->growth);
	free(recording->samples);
	free(recording->censuses);
	free(recording->timeline);
	for (size_t i = 0; i < recording->process_count; i++)
		free(recording->processes[i].command);
	free(recording->processes);
	free(recording->skipped);
	free(store->stack_frames);
	free(store->texts);
	free(store);
}

void loader_fini(struct recording_loader *loader)
{
	index_fini(&loader->texts);
	index_fini(&loader->frames);
	index_fini(&loader->stacks);
	index_fini(&loader->threads);
	index_fini(&loader->types);
	index_fini(&loader->pids);
	free(loader->latest);
	free(loader->stack_starts);
	free(loader->frame_ids);
	free(loader->stack_ids);
	if (loader->store)
		heapspy_recording_free(&loader->store->recording);
}

/* ---- errors ----------------------------------------------------------------- */

void loader_refuse(struct recording_loader *loader, const char *why, ...)
{
	va_list arguments;
	if (loader->error)
		return;
	va_start(arguments, why);
	CLEANUP(freep) char *text = text_format(why, arguments);
	va_end(arguments);
	loader->error = error_new(HEAPSPY_BAD_FILE, "cannot read the recording %s",
				  loader->recording->path);
	if (loader->line)
		error_why(loader->error, "line %llu: %s", (unsigned long long)loader->line,
			  text ?: "it is damaged");
	else
		error_why(loader->error, "%s", text ?: "it is damaged");
}

void loader_refuse_limit(struct recording_loader *loader, const char *of_what, size_t most)
{
	if (!loader->error)
		loader->error = error_why(error_new(HEAPSPY_LIMIT, "cannot read the recording %s",
						    loader->recording->path),
					  "line %llu: it has more than %zu %s",
					  (unsigned long long)loader->line, most, of_what);
}

void loader_no_memory(struct recording_loader *loader)
{
	if (!loader->error)
		loader->error = error_no_memory();
}

bool loader_room(struct recording_loader *loader, void *items, size_t size, size_t count,
		 size_t *space, size_t most, const char *of_what)
{
	if (count >= most) {
		loader_refuse_limit(loader, of_what, most);
		return false;
	}
	if (array_reserve(items, space, count + 1, size))
		return true;
	loader_no_memory(loader);
	return false;
}

/* ---- things that are kept once ------------------------------------------------- */

static bool same_text(const void *things, uint32_t at, const void *sought)
{
	const struct recording_store *store = things;
	return strcmp(store->texts[at], sought) == 0;
}

const char *loader_text(struct recording_loader *loader, const char *bytes, size_t length)
{
	struct recording_store *store = loader->store;
	CLEANUP(freep) char *text = text_from_bytes(bytes, length);
	if (!text) {
		loader_no_memory(loader);
		return NULL;
	}
	uint64_t hash = index_hash(text, strlen(text), 0);
	uint32_t at = index_find(&loader->texts, hash, same_text, store, text);
	if (at != UINT32_MAX)
		return store->texts[at];
	if (!loader_room(loader, &store->texts, sizeof(*store->texts), store->text_count,
			 &loader->text_space, MOST_TEXTS, "names"))
		return NULL;
	if (!index_add(&loader->texts, hash, (uint32_t)store->text_count)) {
		loader_no_memory(loader);
		return NULL;
	}
	store->texts[store->text_count] = take_pointer(text);
	return store->texts[store->text_count++];
}

/* Texts are kept once, so that they are equal if their addresses are. */
static bool same_frame(const void *things, uint32_t at, const void *sought)
{
	const struct heapspy_recording *recording = things;
	const struct heapspy_frame *left = &recording->frames[at], *right = sought;
	return left->function == right->function && left->file == right->file &&
	       left->line == right->line && left->native == right->native &&
	       left->module == right->module;
}

uint32_t loader_frame(struct recording_loader *loader, const struct heapspy_frame *frame)
{
	struct heapspy_recording *recording = loader->recording;
	uint64_t parts[] = {(uintptr_t)frame->function, (uintptr_t)frame->file,
			    (uintptr_t)frame->module, (uint32_t)frame->line, frame->native};
	uint64_t hash = index_hash(parts, sizeof(parts), 1);
	uint32_t at = index_find(&loader->frames, hash, same_frame, recording, frame);
	if (at != UINT32_MAX)
		return at;
	if (!loader_room(loader, &recording->frames, sizeof(*recording->frames),
			 recording->frame_count, &loader->frame_space, MOST_FRAMES, "frames"))
		return UINT32_MAX;
	if (!index_add(&loader->frames, hash, (uint32_t)recording->frame_count)) {
		loader_no_memory(loader);
		return UINT32_MAX;
	}
	recording->frames[recording->frame_count] = *frame;
	return (uint32_t)recording->frame_count++;
}

static bool same_stack(const void *things, uint32_t at, const void *sought)
{
	const struct recording_loader *loader = things;
	const struct heapspy_recorded_stack *left = &loader->recording->stacks[at], *right = sought;
	return left->count == right->count && left->cut == right->cut &&
	       (left->count == 0 ||
		memcmp(loader->store->stack_frames + loader->stack_starts[at], right->frames,
		       left->count * sizeof(*right->frames)) == 0);
}

uint32_t loader_stack(struct recording_loader *loader, const struct heapspy_recorded_stack *stack)
{
	struct heapspy_recording *recording = loader->recording;
	struct recording_store *store = loader->store;
	size_t count = stack->count;
	uint64_t hash = index_hash(stack->frames, count * sizeof(*stack->frames), 2);
	uint32_t at = index_find(&loader->stacks, hash, same_stack, loader, stack);
	if (at != UINT32_MAX)
		return at;
	size_t stacks = recording->stack_count;
	if (!loader_room(loader, &recording->stacks, sizeof(*recording->stacks), stacks,
			 &loader->stack_space, MOST_STACKS, "stacks") ||
	    !loader_room(loader, &loader->stack_starts, sizeof(*loader->stack_starts), stacks,
			 &loader->stack_start_space, MOST_STACKS, "stacks"))
		return UINT32_MAX;
	size_t start = store->stack_frame_count;
	for (size_t i = 0; i < count; i++) {
		if (!loader_room(loader, &store->stack_frames, sizeof(*store->stack_frames),
				 store->stack_frame_count, &loader->stack_frame_space,
				 MOST_STACK_FRAMES, "frames in its stacks"))
			return UINT32_MAX;
		store->stack_frames[store->stack_frame_count++] = stack->frames[i];
	}
	if (!index_add(&loader->stacks, hash, (uint32_t)stacks)) {
		loader_no_memory(loader);
		return UINT32_MAX;
	}
	recording->stacks[stacks] = (struct heapspy_recorded_stack){
		.count = count, .cut = stack->cut};
	loader->stack_starts[stacks] = start;
	recording->stack_count++;
	return (uint32_t)stacks;
}

static bool same_thread(const void *things, uint32_t at, const void *sought)
{
	const struct heapspy_recording *recording = things;
	return recording->threads[at].tid == *(const int64_t *)sought;
}

uint32_t loader_thread(struct recording_loader *loader, int64_t tid, const char *name)
{
	struct heapspy_recording *recording = loader->recording;
	uint64_t hash = index_hash(&tid, sizeof(tid), 3);
	uint32_t at = index_find(&loader->threads, hash, same_thread, recording, &tid);
	if (at != UINT32_MAX) {
		/* A thread may be named after its first event. */
		recording->threads[at].name = name ?: recording->threads[at].name;
		return at;
	}
	if (!loader_room(loader, &recording->threads, sizeof(*recording->threads),
			 recording->thread_count, &loader->thread_space, MOST_THREADS, "threads"))
		return UINT32_MAX;
	if (!index_add(&loader->threads, hash, (uint32_t)recording->thread_count)) {
		loader_no_memory(loader);
		return UINT32_MAX;
	}
	recording->threads[recording->thread_count] = (struct heapspy_recorded_thread){tid, name};
	return (uint32_t)recording->thread_count++;
}

static bool same_type(const void *things, uint32_t at, const void *sought)
{
	const struct heapspy_recording *recording = things;
	return recording->types[at] == sought;
}

uint32_t loader_type(struct recording_loader *loader, const char *name)
{
	struct heapspy_recording *recording = loader->recording;
	uintptr_t address = (uintptr_t)name;
	uint64_t hash = index_hash(&address, sizeof(address), 4);
	uint32_t at = index_find(&loader->types, hash, same_type, recording, name);
	if (at != UINT32_MAX)
		return at;
	if (!loader_room(loader, &recording->types, sizeof(*recording->types),
			 recording->type_count, &loader->type_space, MOST_TEXTS, "types"))
		return UINT32_MAX;
	if (!index_add(&loader->types, hash, (uint32_t)recording->type_count)) {
		loader_no_memory(loader);
		return UINT32_MAX;
	}
	recording->types[recording->type_count] = name;
	return (uint32_t)recording->type_count++;
}

static bool same_pid(const void *things, uint32_t at, const void *sought)
{
	const struct heapspy_recording *recording = things;
	return recording->processes[at].pid == *(const pid_t *)sought;
}

/* The first that had it. */
static uint32_t first_of_pid(const struct recording_loader *loader, pid_t pid)
{
	uint64_t hash = index_hash(&pid, sizeof(pid), 5);
	return index_find(&loader->pids, hash, same_pid, loader->recording, &pid);
}

uint32_t loader_process(const struct recording_loader *loader, pid_t pid)
{
	uint32_t first = first_of_pid(loader, pid);
	return first == UINT32_MAX ? first : loader->latest[first];
}

bool loader_add_process(struct recording_loader *loader,
			const struct heapspy_recorded_process *process)
{
	struct heapspy_recording *recording = loader->recording;
	uint32_t number = (uint32_t)recording->process_count;
	uint32_t first = first_of_pid(loader, process->pid);
	if (!loader_room(loader, &recording->processes, sizeof(*process), number,
			 &loader->process_space, MOST_PROCESSES, "processes") ||
	    !loader_room(loader, &loader->latest, sizeof(*loader->latest), number,
			 &loader->latest_space, MOST_PROCESSES, "processes"))
		return false;
	if (first == UINT32_MAX &&
	    !index_add(&loader->pids, index_hash(&process->pid, sizeof(process->pid), 5), number)) {
		loader_no_memory(loader);
		return false;
	}
	recording->processes[number] = *process;
	loader->latest[number] = number;
	if (first != UINT32_MAX)
		loader->latest[first] = number;
	recording->process_count++;
	return true;
}

const char **loader_command(struct recording_loader *loader, const json_t *array)
{
	size_t count = json_array_size(array);
	const char **command = calloc(count + 1, sizeof(*command));
	if (!command)
		loader_no_memory(loader);
	for (size_t i = 0; i < count && !loader->error; i++) {
		const json_t *word = json_array_get(array, i);
		if (json_is_string(word))
			command[i] = loader_text(loader, json_string_value(word),
						 json_string_length(word));
		else
			loader_refuse(loader, "'command' is no array of texts");
	}
	return command;
}

/* ---- the end -------------------------------------------------------------------- */

static double time_of(const char *items, size_t at, size_t size)
{
	double time; /* the first member of each of them */
	memcpy(&time, items + at * size, sizeof(time));
	return time;
}

static bool is_sorted(const char *items, size_t count, size_t size)
{
	for (size_t i = 1; i < count; i++)
		if (time_of(items, i, size) < time_of(items, i - 1, size))
			return false;
	return true;
}

/* By time; those of one time stay in their order, as qsort() does not promise. */
static void sort(struct recording_loader *loader, void *items, size_t count, size_t size)
{
	if (is_sorted(items, count, size))
		return;
	CLEANUP(freep) char *space = calloc(count, size);
	if (!space) {
		loader_no_memory(loader);
		return;
	}
	char *from = items, *to = space;
	for (size_t run = 1; run < count; run *= 2) {
		for (size_t start = 0; start < count; start += 2 * run) {
			size_t middle = start + run < count ? start + run : count;
			size_t end = middle + run < count ? middle + run : count;
			size_t left = start, right = middle;
			for (size_t i = start; i < end; i++) {
				bool is_left = left < middle &&
					       (right == end || time_of(from, left, size) <=
									time_of(from, right, size));
				size_t one = is_left ? left++ : right++;
				memcpy(to + i * size, from + one * size, size);
			}
		}
		char *swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, count * size);
}

void loader_settle(struct recording_loader *loader)
{
	struct heapspy_recording *recording = loader->recording;
	for (size_t i = 0; i < recording->stack_count; i++)
		recording->stacks[i].frames = loader->store->stack_frames
						      ? loader->store->stack_frames +
								loader->stack_starts[i]
						      : NULL;
#define SORT(items, count) sort(loader, recording->items, recording->count, sizeof(*recording->items))
	SORT(growth, growth_count);
	SORT(samples, sample_count);
	SORT(censuses, census_count);
	SORT(timeline, timeline_count);
#undef SORT
}
