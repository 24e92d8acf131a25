/* SPDX-License-Identifier: MIT */
/* From the records of the rings to events. */
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/array.h"
#include "native/watch_private.h"

enum { RECORD_MAX = 65536 };

/* What every record of ours ends with: sample_id_all. */
struct sample_id {
	uint32_t pid, tid;
	uint64_t time;
};

/* ---- taking records out ------------------------------------------------------------- */

static bool keep(struct watch *watch, const uint8_t *bytes, size_t size, uint64_t time)
{
	if (watch->used + size > watch->capacity) {
		size_t capacity = watch->capacity ? 2 * watch->capacity : 1 << 20;
		while (capacity < watch->used + size)
			capacity *= 2;
		uint8_t *more = realloc(watch->bytes, capacity);
		if (!more)
			return false;
		watch->bytes = more;
		watch->capacity = capacity;
	}
	if (!ARRAY_RESERVE(watch->records, watch->record_capacity, watch->record_count + 1))
		return false;
	memcpy(watch->bytes + watch->used, bytes, size);
	watch->records[watch->record_count++] = (struct record){time, watch->used};
	watch->used += (size + 7) & ~(size_t)7;
	return true;
}

static struct sample_id id_at_end(const uint8_t *record, size_t size)
{
	struct sample_id id = {0};
	if (size >= sizeof(struct perf_event_header) + sizeof(id))
		memcpy(&id, record + size - sizeof(id), sizeof(id));
	return id;
}

void watch_collect(struct watch *watch)
{
	static _Thread_local uint8_t record[RECORD_MAX];
	for (size_t i = 0; i < watch->cpu_count; i++) {
		size_t size;
		while (watch->rings[i].page && (size = perf_ring_take(&watch->rings[i], record))) {
			struct perf_event_header header;
			memcpy(&header, record, sizeof(header));
			struct sample_id id = header.type == PERF_RECORD_SAMPLE
						      ? (struct sample_id){0}
						      : id_at_end(record, size);
			if (header.type == PERF_RECORD_SAMPLE && size >= sizeof(header) + sizeof(id))
				memcpy(&id, record + sizeof(header), sizeof(id));
			uint32_t ids[4] = {0}; /* pid, ppid, tid, ptid */
			if ((header.type == PERF_RECORD_FORK || header.type == PERF_RECORD_EXIT) &&
			    size >= sizeof(header) + sizeof(ids))
				memcpy(ids, record + sizeof(header), sizeof(ids));
			if (header.type == PERF_RECORD_FORK && (pid_t)ids[0] == watch->pid &&
			    !watch_covers(watch, (pid_t)ids[2]))
				watch_add_covered(watch, (pid_t)ids[2], NULL);
			if (header.type == PERF_RECORD_EXIT && (pid_t)ids[0] == watch->pid)
				watch_forget(watch, (pid_t)ids[2]);
			/* Touches are drawn by lot: some less are no loss. */
			if (header.type != PERF_RECORD_LOST || !watch->options.touch_period)
				keep(watch, record, size, id.time);
		}
	}
}

/* ---- visiting ------------------------------------------------------------------------ */

static int compare_records(const void *a, const void *b)
{
	const struct record *left = a, *right = b;
	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* Takes the next bytes of a record; zeros behind its end. */
struct cursor {
	const uint8_t *at, *end;
};

static uint64_t take_u64(struct cursor *cursor)
{
	uint64_t value = 0;
	if (cursor->end - cursor->at >= (ptrdiff_t)sizeof(value)) {
		memcpy(&value, cursor->at, sizeof(value));
		cursor->at += sizeof(value);
	} else {
		cursor->at = cursor->end;
	}
	return value;
}

static bool parse_hit(struct cursor *cursor, struct watch_event *event)
{
	take_u64(cursor); /* pid, tid */
	take_u64(cursor); /* time */
	event->address = take_u64(cursor);
	uint64_t abi = take_u64(cursor);
	if (abi != PERF_SAMPLE_REGS_ABI_NONE) {
		if ((size_t)(cursor->end - cursor->at) < WATCH_REGISTERS * sizeof(uint64_t))
			return false;
		event->registers = (const uint64_t *)(const void *)cursor->at;
		cursor->at += WATCH_REGISTERS * sizeof(uint64_t);
	}
	uint64_t size = take_u64(cursor);
	if (size && size <= (uint64_t)(cursor->end - cursor->at)) {
		event->stack = cursor->at;
		cursor->at += size;
		uint64_t filled = take_u64(cursor);
		event->stack_length = filled <= size ? filled : size;
	}
	return true;
}

/* False: it is of no use here. */
static bool parse(const struct watch *watch, const struct record *record, struct watch_event *event)
{
	struct perf_event_header header;
	const uint8_t *bytes = watch->bytes + record->offset;
	memcpy(&header, bytes, sizeof(header));
	struct cursor cursor = {bytes + sizeof(header), bytes + header.size};
	struct sample_id id = id_at_end(bytes, header.size);
	*event = (struct watch_event){.time = (double)record->time / 1e9};
	if (header.type == PERF_RECORD_SAMPLE)
		memcpy(&id, cursor.at, sizeof(id));
	event->tid = (pid_t)id.tid;
	if (header.type != PERF_RECORD_LOST && (pid_t)id.pid != watch->pid)
		return false; /* a child, where the kernel has no inherit_thread */
	switch (header.type) {
	case PERF_RECORD_SAMPLE:
		if (!parse_hit(&cursor, event))
			return false;
		event->kind = watch->options.touch_period ? WATCH_TOUCHED : WATCH_CALL;
		return true;
	case PERF_RECORD_MMAP2: {
		event->kind = WATCH_MAPPED;
		take_u64(&cursor); /* pid, tid */
		event->address = take_u64(&cursor);
		event->length = take_u64(&cursor);
		take_u64(&cursor); /* offset */
		take_u64(&cursor); /* device */
		take_u64(&cursor); /* inode */
		take_u64(&cursor); /* its generation */
		event->protection = (unsigned)take_u64(&cursor);
		event->path = (const char *)cursor.at;
		return cursor.end - cursor.at > (ptrdiff_t)sizeof(id) &&
		       memchr(cursor.at, 0, (size_t)(cursor.end - cursor.at));
	}
	case PERF_RECORD_FORK:
		event->kind = WATCH_THREAD;
		event->tid = (pid_t)take_u64(&cursor); /* pid, then its parent's */
		event->tid = (pid_t)take_u64(&cursor);
		return true;
	case PERF_RECORD_COMM:
		event->kind = WATCH_EXEC;
		return header.misc & PERF_RECORD_MISC_COMM_EXEC;
	case PERF_RECORD_LOST:
		event->kind = WATCH_LOST;
		take_u64(&cursor); /* of which event */
		event->length = take_u64(&cursor);
		return true;
	default:
		return false;
	}
}

/* A thread that was covered twice, by us and by the kernel, says everything twice. */
static bool is_echo(const struct watch_event *before, const struct watch_event *event)
{
	return before->kind == event->kind && before->tid == event->tid &&
	       before->address == event->address && event->time - before->time < 50e-6 &&
	       before->registers && event->registers &&
	       memcmp(before->registers, event->registers, WATCH_REGISTERS * sizeof(uint64_t)) == 0;
}

void watch_read(struct watch *watch, watch_visitor *visit, void *context)
{
	struct epoll_event events[16];
	while (epoll_wait(watch->epoll, events, 16, 0) == 16)
		;
	watch_collect(watch);
	if (watch->record_count)
		qsort(watch->records, watch->record_count, sizeof(*watch->records),
		      compare_records);
	struct watch_event before = {.kind = WATCH_LOST};
	for (size_t i = 0; i < watch->record_count; i++) {
		struct watch_event event;
		if (!parse(watch, &watch->records[i], &event) || is_echo(&before, &event))
			continue;
		before = event;
		visit(context, &event);
	}
	watch->record_count = 0;
	watch->used = 0;
}
