/* SPDX-License-Identifier: MIT */
/* One counter of an allocator: from events that it was written to changes of it. */
#ifndef HEAP_RECORD_COUNTER_H
#define HEAP_RECORD_COUNTER_H

#include "heap/record/owners.h"
#include "heap/record/private.h"
#include "native/watch.h"

/* What there is to say of a change besides the bytes. */
struct record_change {
	struct record *record;
	enum heapspy_record_counter kind;
	double time; /* CLOCK_MONOTONIC */
	pid_t tid;
	uint32_t stack;
};

void record_change_more(const struct record_change *change, uint64_t bytes);

/* An owners_visitor; the context is a struct record_change. */
void record_change_less(void *change, uint64_t bytes, uint32_t of);

/* The registers at an instruction that writes the counter, held against what it held
 * afterwards and before. */
struct record_writer {
	uint64_t ip;
	unsigned seen;
	unsigned after[WATCH_REGISTERS], before[WATCH_REGISTERS];
	int sign; /* of the change: 1, -1; 0: not known, or it changes */
};

struct record_hit {
	struct record_change change;
	uint64_t registers[WATCH_REGISTERS];
	bool has_registers;
};

/* Memory that was given back, to be taken from its owner. */
struct record_release {
	struct record_change change;
	uint64_t bytes;
};

/* Growth that waits, as it came. */
struct record_wait {
	struct record_change change;
	uint64_t bytes;
	uint64_t key; /* as in struct owner */
};

enum { RECORD_WRITERS = 32, RECORD_KEEPERS = 16 };

struct record_counter {
	struct record *record;
	enum heapspy_record_counter kind;
	uint64_t arena;         /* of malloc: its struct malloc_state; 0: none */
	bool watched;           /* there is a watchpoint, for one thread at least */
	uint64_t address, unit; /* of the word in the target, 0: not known; bytes that one of it
	                           stands for */
	uint64_t value;         /* up to which everything was told */
	uint64_t now;           /* as it was read after the last event that was taken out */
	struct record_writer writers[RECORD_WRITERS];
	size_t writer_count;
	struct record_hit *hits;
	size_t hit_count, hit_capacity;
	struct owners owners;
	/* With `holds` growth waits until it is known who keeps it. */
	bool holds;
	struct record_wait *waits;
	size_t wait_count, wait_capacity;
	uint64_t waiting; /* bytes */
	double grown;     /* when it grew last: CLOCK_MONOTONIC; 0: it never did */
	struct record_change keepers[RECORD_KEEPERS]; /* the last ones */
	size_t keeper_count;
	/* Of arenas: they are told from one another by address, later. */
	struct record_release *releases;
	size_t release_count, release_capacity;
};

void record_counter_init(struct record_counter *counter, struct record *record,
			 enum heapspy_record_counter kind, uint64_t address, uint64_t unit);
void record_counter_fini(struct record_counter *counter);

/* What it holds now is where the recording begins. */
void record_counter_start(struct record_counter *counter);

/* It was written. */
void record_counter_hit(struct record_counter *counter, const struct watch_event *event,
			uint32_t stack);

/* Read it. */
void record_counter_read(struct record_counter *counter);

/* Tell what changed with the hits so far. */
void record_counter_settle(struct record_counter *counter);

/* What no watchpoint told of is charged to this. */
void record_counter_poll(struct record_counter *counter, const struct record_change *change);

/* Somebody keeps what it got: what waits, and what comes next, is charged to those that
 * were found since it was charged last, to each as much. */
void record_counter_keep(struct record_counter *counter, pid_t tid, uint32_t stack);

/* All that waits is charged to those that keep it; where none was found, and growth began
 * before `until`, to those that made it grow. */
void record_counter_charge(struct record_counter *counter, double until);

/* Memory of this key was given back, or, where it is 0, the last that was got. */
void record_counter_release(struct record_counter *counter, const struct record_change *change,
			    uint64_t key, uint64_t bytes);

/* In bytes. */
uint64_t record_counter_now(struct record_counter *counter);

#endif
