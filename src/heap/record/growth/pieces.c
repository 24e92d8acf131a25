/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "native/glibc.h"

/* A call has come to its end after so long: seconds. */
#define CALL_TAKES 0.005

/* What the kernel gave nobody by then it refused: seconds. */
#define REFUSED_AFTER 0.05

/* So many are looked for when something went: those that came last. */
enum { MOST_LOOKED_FOR = 1024 };

/* So many that asked are remembered. */
enum { MOST_REMEMBERED = 64 };

/* What was asked for, and is not yet told. */
struct claim {
	struct record_change change;
	int64_t bytes;
	uint64_t old, old_bytes; /* of mremap(); else 0 */
	uint64_t start;          /* where it is; 0: not known */
	bool unsure;             /* whose it is: the stack is of a little later */
};

/* Who asked for how much, for sure. */
struct asked {
	int64_t bytes;
	pid_t tid;
	uint32_t stack;
};

struct record_pieces {
	struct record_counter *counter;
	struct asked asked[MOST_REMEMBERED]; /* the calls that were told last */
	size_t asked_count, turn;            /* asked_count: ever */
	struct claim *claims;
	size_t count, capacity;
	double since; /* when claims and counter were the same last; 0: they are */
};

struct record_pieces *record_pieces_new(struct record_counter *counter)
{
	struct record_pieces *pieces = calloc(1, sizeof(*pieces));
	if (pieces)
		pieces->counter = counter;
	return pieces;
}

void record_pieces_free(struct record_pieces *pieces)
{
	if (!pieces)
		return;
	free(pieces->claims);
	free(pieces);
}

static void add_claim(struct record_pieces *pieces, const struct claim *claim)
{
	if (!ARRAY_RESERVE(pieces->claims, pieces->capacity, pieces->count + 1))
		return;
	pieces->claims[pieces->count] = *claim;
	pieces->claims[pieces->count++].change.kind = HEAPSPY_RECORD_MMAPPED;
}

void record_pieces_call(struct record_pieces *pieces, const struct record_call *call,
			const struct record_change *change, bool sure)
{
	if (!pieces)
		return;
	if (!call->moves && sure)
		pieces->asked[pieces->asked_count++ % MOST_REMEMBERED] =
			(struct asked){call->bytes, change->tid, change->stack};
	add_claim(pieces, &(struct claim){.change = *change, .bytes = call->bytes,
					  .old = call->start, .old_bytes = call->length,
					  .unsure = !sure});
}

/* Whoever was there first, else in turn those that asked for as much: they are heard of as
 * often as they ask. */
static void name_asker(struct record_pieces *pieces, const struct record_touches *touches,
		       struct claim *claim)
{
	const struct record_change *first = record_touches_find(touches, claim->start);
	if (first && first->time >= claim->change.time) {
		claim->change.tid = first->tid;
		claim->change.stack = first->stack;
		return;
	}
	for (size_t i = 0; i < MOST_REMEMBERED; i++) {
		const struct asked *asked = &pieces->asked[pieces->turn++ % MOST_REMEMBERED];
		if (asked->bytes != claim->bytes)
			continue;
		claim->change.tid = asked->tid;
		claim->change.stack = asked->stack;
		return;
	}
}

bool record_pieces_found(struct record_pieces *pieces, uint64_t start, uint64_t length,
			 const struct record_change *change)
{
	if (!pieces)
		return false;
	struct peek *peek = pieces->counter->record->python->peek;
	struct claim claim = {
		.change = *change,
		.bytes = (int64_t)glibc_mmapped_size(peek, start, start + length),
		.start = start,
		.unsure = true,
	};
	/* What was mapped was joined to one that is known. */
	uint64_t known = owners_bytes_of(&pieces->counter->owners, start);
	if (claim.bytes <= 0 || known == (uint64_t)claim.bytes)
		return false;
	add_claim(pieces, &claim);
	return true;
}

void record_pieces_mapped(struct record_pieces *pieces, pid_t tid, uint64_t start)
{
	for (size_t i = pieces ? pieces->count : 0; i-- > 0;) {
		struct claim *claim = &pieces->claims[i];
		if (claim->change.tid != tid)
			continue;
		if (!claim->old && !claim->start)
			claim->start = start;
		return;
	}
}

static bool is_piece(struct record_pieces *pieces, uint64_t start, uint64_t bytes)
{
	struct peek *peek = pieces->counter->record->python->peek;
	return glibc_mmapped_size(peek, start, UINT64_MAX / 2) == bytes;
}

static bool is_claimed(const struct record_pieces *pieces, uint64_t start)
{
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->claims[i].start == start || pieces->claims[i].old == start)
			return true;
	return false;
}

/* Those that are no longer there, or lie where another one is by now. Returns the sum of
 * their bytes; with `change` they are told. */
static uint64_t take_gone(struct record_pieces *pieces, const struct record_change *change)
{
	struct owners *owners = &pieces->counter->owners;
	size_t least = owners->count > MOST_LOOKED_FOR ? owners->count - MOST_LOOKED_FOR : 0;
	uint64_t sum = 0;
	for (size_t i = owners->count; i-- > least;) {
		struct owner owner = owners->items[i];
		if (!owner.key || (!is_claimed(pieces, owner.key) &&
				   is_piece(pieces, owner.key, owner.bytes)))
			continue;
		sum += owner.bytes;
		if (change)
			record_counter_release(pieces->counter, change, owner.key, owner.bytes);
	}
	return sum;
}

/* By the time of the last call another one lay there. */
static bool came_and_went(const struct record_pieces *pieces, size_t at)
{
	uint64_t start = pieces->claims[at].start;
	for (size_t i = at + 1; i < pieces->count && start; i++)
		if (pieces->claims[i].start == start)
			return true;
	return false;
}

static void apply(struct record_pieces *pieces, const struct record_touches *touches, size_t at)
{
	struct record_counter *counter = pieces->counter;
	struct claim *claim = &pieces->claims[at];
	uint64_t bytes = claim->bytes < 0 ? -(uint64_t)claim->bytes : (uint64_t)claim->bytes;
	if (claim->unsure)
		name_asker(pieces, touches, claim);
	if (came_and_went(pieces, at)) {
		record_change_more(&claim->change, bytes);
		record_change_less(&claim->change, bytes, claim->change.stack);
		return;
	}
	if (claim->bytes < 0) {
		record_counter_release(counter, &claim->change, 0, bytes);
		return;
	}
	bool found = claim->start && is_piece(pieces, claim->start, bytes);
	if (bytes)
		record_counter_add(counter, &claim->change, found ? claim->start : 0, bytes);
}

/* One that was made larger or smaller is no longer where it was, or what it was. */
static void forget_moved(struct record_pieces *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pieces->claims[i].old)
			owners_forget_key(&pieces->counter->owners, pieces->claims[i].old);
}

/* Did it come about? What mmap() gives is told by the kernel. What mremap() could not make
 * so much larger is what it was. */
static bool is_granted(struct record_pieces *pieces, const struct claim *claim)
{
	if (!claim->old)
		return claim->start != 0;
	return claim->bytes < 0 || (uint64_t)claim->bytes <= pieces->counter->now ||
	       !is_piece(pieces, claim->old, claim->old_bytes);
}

/* Those that came about, in order, then the others, without those that are too old: malloc
 * asks in vain where memory is out. Returns how many came about. */
static size_t sort_out(struct record_pieces *pieces)
{
	double now = clock_monotonic();
	size_t granted = 0, count = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		struct claim claim = pieces->claims[i];
		if (is_granted(pieces, &claim)) {
			pieces->claims[count++] = pieces->claims[granted];
			pieces->claims[granted++] = claim;
		} else if (now - claim.change.time < REFUSED_AFTER) {
			pieces->claims[count++] = claim;
		}
	}
	pieces->count = count;
	return granted;
}

/* What the first so many come to; those that came and went come to nothing. */
static int64_t sum_of(const struct record_pieces *pieces, size_t count)
{
	int64_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += came_and_went(pieces, i) ? 0 : pieces->claims[i].bytes;
	return sum;
}

bool record_pieces_settle(struct record_pieces *pieces, const struct record_touches *touches,
			  const struct record_change *other)
{
	if (!pieces)
		return true;
	struct record_counter *counter = pieces->counter;
	int64_t actual = (int64_t)(counter->now - counter->value);
	if (actual == 0 && pieces->count == 0)
		return true;
	struct record_change change = *other;
	change.kind = HEAPSPY_RECORD_MMAPPED;
	peek_forget(counter->record->python->peek);
	size_t count = sort_out(pieces);
	forget_moved(pieces, count);
	int64_t claimed = sum_of(pieces, count);
	uint64_t gone = claimed != actual ? take_gone(pieces, NULL) : 0;
	double now = clock_monotonic();
	if (pieces->count && claimed - (int64_t)gone != actual) {
		pieces->since = pieces->since > 0 ? pieces->since : now;
		if (now - pieces->since < CALL_TAKES)
			return false;
	}
	pieces->since = 0;
	if (gone)
		take_gone(pieces, &change);
	for (size_t i = 0; i < count; i++)
		apply(pieces, touches, i);
	pieces->count -= count;
	if (pieces->count)
		memmove(pieces->claims, pieces->claims + count,
			pieces->count * sizeof(*pieces->claims));
	/* What went without being told from others, or came without a call. */
	int64_t rest = actual - claimed + (int64_t)gone;
	counter->value = counter->now;
	if (rest > 0)
		record_counter_add(counter, &change, 0, (uint64_t)rest);
	else if (rest < 0)
		record_counter_release(counter, &change, 0, -(uint64_t)rest);
	return pieces->count == 0;
}
