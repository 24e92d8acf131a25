/* SPDX-License-Identifier: MIT */
/* One counter of an allocator: what changed, and who is charged with it. */
#ifndef HEAP_RECORD_COUNTER_H
#define HEAP_RECORD_COUNTER_H

#include "heap/record/growth/owners.h"
#include "heap/record/private.h"

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

/* Growth that waits, as it came. */
struct record_wait {
	struct record_change change;
	uint64_t bytes;
	uint64_t key;  /* as in struct owner */
	bool surveyed; /* what it holds was counted */
};

struct record_counter {
	struct record *record;
	enum heapspy_record_counter kind;
	uint64_t arena;         /* of malloc: its struct malloc_state; 0: none */
	uint64_t address, unit; /* of the word in the target, 0: not known; bytes that one of it
	                           stands for */
	uint64_t value;         /* up to which everything was told */
	uint64_t now;           /* as it was read last */
	/* Who was heard of that may have made it grow; time 0: nobody since it changed. */
	struct record_change cause;
	struct owners owners;
	/* With `holds` growth waits until it is known who keeps it. */
	bool holds;
	struct record_wait *waits;
	size_t wait_count, wait_capacity;
	uint64_t waiting; /* bytes */
	uint64_t frontier; /* of an arena of malloc: its top a moment ago; 0: not known */
	/* Of an arena of malloc: up to where what it holds was counted, and up to where it
	 * will be, which was its top at a time; 0: neither is known. */
	uint64_t surveyed, survey_end;
	double survey_time;
};

void record_counter_init(struct record_counter *counter, struct record *record,
			 enum heapspy_record_counter kind, uint64_t address, uint64_t unit);
void record_counter_fini(struct record_counter *counter);

/* What it holds now is where the recording begins. */
void record_counter_start(struct record_counter *counter);

/* Read it. */
void record_counter_read(struct record_counter *counter);

/* It grew by so many bytes, at an address: `key`, 0 where it is not known. */
void record_counter_add(struct record_counter *counter, const struct record_change *change,
			uint64_t key, uint64_t bytes);

/* What changed since, by the cause that was heard of, or else by `other`. */
void record_counter_settle(struct record_counter *counter, const struct record_change *other);

/* So much of what waits is charged to this, who keeps it: the oldest first. `whole`: only
 * what was counted, and in the pieces in which it came. Returns how much it was. */
uint64_t record_counter_charge_to(struct record_counter *counter,
				  const struct record_change *keeper, uint64_t bytes, bool whole);

/* What waits, and came before `until`, is charged to those that made it grow. */
void record_counter_charge(struct record_counter *counter, double until);

/* Memory of this key was given back, or, where it is 0, the last that was got. */
void record_counter_release(struct record_counter *counter, const struct record_change *change,
			    uint64_t key, uint64_t bytes);

/* In bytes. */
uint64_t record_counter_now(struct record_counter *counter);

#endif
