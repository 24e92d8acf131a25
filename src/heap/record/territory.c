/* SPDX-License-Identifier: MIT */
#include "heap/record/territory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "python/obmalloc.h"

/* A place that was not written for so long is at rest; one that does not come to rest, or
 * that nobody takes, is given up: seconds. */
#define REST 0.01
#define MOST_RESTLESS 1.0
#define MOST_UNTAKEN 5.0

/* Whether malloc's top has gone past a place is looked at so often: seconds. */
#define LOOK 0.02

/* Places are drawn from so much of what comes next: much more than a piece of it. */
#define AHEAD (UINT64_C(256) << 10)

/* Hits that a place may cost, and hits a second that all of them together may. */
enum { MOST_HITS = 256, HITS_A_SECOND = 1000 };

/* Steps from one chunk of malloc to the next, up to the place. */
enum { MOST_CHUNKS = 65536 };

/* Sizes of chunks that are remembered with who makes them, and for how long: seconds. So
 * many are looked at to find who makes one of a size. */
enum { SIZES = 64, MOST_PROBES = 40 };
#define REMEMBERED 10.0

/* A chunk that was just taken from the top is whole after so long: seconds. */
#define PROBE_REST 0.0005

/* More kernel breakpoints than that take too long to move. */
enum { MOST_BREAKPOINTS = 512 };

/* What has not grown for so long does not grow: seconds. */
#define STILL_GROWING 3.0

#define CHUNK_SIZE(field) ((field) & ~UINT64_C(7))
#define PREV_INUSE 1

/* Who last made a chunk of malloc's of this size. */
struct size_maker {
	uint64_t size;
	struct record_keeper keeper;
};

struct record_territory {
	struct record *record;
	struct watch *watch;
	size_t index;
	const struct glibc_counters *malloc;
	uint64_t random;
	uint64_t nowhere; /* a word that is never written */
	bool useless;     /* it cannot be moved */
	/* The place that is watched. */
	bool armed;
	struct record_counter *counter;
	size_t turn; /* of the counters */
	uint64_t address, boundary; /* boundary: a chunk of malloc begins there, before it */
	double start, written, passed, pause_until;
	unsigned hits;
	struct record_keeper keeper;
	/* Memory that was never written says nothing of who took it; so its size is held
	 * against that of chunks whose heads are watched instead. */
	bool probing;
	uint64_t wanted; /* size of it; 0: none, only to learn */
	unsigned probes;
	struct size_maker makers[SIZES];
	/* The last hit, of those that were taken out together. */
	bool has_event;
	struct watch_event event;
	uint64_t registers[WATCH_REGISTERS];
	uint8_t *stack;
	size_t stack_capacity;
};

struct record_territory *record_territory_new(struct record *record, struct watch *watch,
					      size_t index, const struct glibc_counters *malloc)
{
	struct record_territory *territory = calloc(1, sizeof(*territory));
	if (!territory)
		return NULL;
	territory->record = record;
	territory->watch = watch;
	territory->index = index;
	territory->malloc = malloc;
	/* Here _PyRuntime begins, with what is written when Python starts. */
	territory->nowhere = record->python->address;
	territory->address = territory->nowhere;
	if (getrandom(&territory->random, sizeof(territory->random), 0) < 0 || !territory->random)
		territory->random = 1;
	return territory;
}

void record_territory_free(struct record_territory *territory)
{
	if (!territory)
		return;
	free(territory->stack);
	free(territory);
}

bool record_territory_is(const struct record_territory *territory, uint64_t address)
{
	return territory && territory->armed && territory->address == address;
}

/* xorshift64*: Vigna. */
static uint64_t draw(struct record_territory *territory, uint64_t below)
{
	uint64_t x = territory->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	territory->random = x;
	return (x * UINT64_C(0x2545f4914f6cdd1d) >> 11) % below;
}

/* ---- where ------------------------------------------------------------------------ */

/* Behind the pools that were used so far, in the arena that is nearest to its end. */
static bool choose_in_arenas(struct record_territory *territory)
{
	struct arenas arenas = {0};
	struct python *python = territory->record->python;
	uint64_t pool_size = obmalloc_pool_size(python);
	const struct arena *best = NULL;
	if (obmalloc_arenas(python, &arenas) != FAULT_NONE)
		return false;
	for (size_t i = 0; i < arenas.count; i++) {
		const struct arena *arena = &arenas.items[i];
		if (arena->carved_end < arena->end &&
		    (!best || arena->free_pools < best->free_pools))
			best = arena;
	}
	bool found = false;
	if (best) {
		uint64_t room = best->end - best->carved_end;
		uint64_t place = best->carved_end + draw(territory, room < AHEAD ? room : AHEAD);
		/* Of every two words the second: the first may be a reference count. */
		place = (place & ~UINT64_C(15)) + 8;
		found = place % pool_size >= POOL_OVERHEAD;
		territory->address = place;
	}
	arenas_fini(&arenas);
	return found;
}

static uint64_t top_of(struct record_territory *territory)
{
	struct peek *peek = territory->record->python->peek;
	uint64_t top = peek_u64(peek, territory->counter->arena + territory->malloc->top_offset);
	return peek_take_fault(peek) == FAULT_NONE ? top : 0;
}

/* Behind the top of malloc's heap: where it will be. */
static bool choose_in_heap(struct record_territory *territory)
{
	uint64_t top = territory->malloc ? top_of(territory) : 0;
	if (!top)
		return false;
	territory->boundary = top;
	territory->address = top + 16 + (draw(territory, AHEAD) & ~UINT64_C(7));
	return true;
}

/* The head of the chunk that is taken from the top next. */
static bool choose_at_top(struct record_territory *territory)
{
	uint64_t top = top_of(territory);
	territory->boundary = top;
	territory->address = top + 8;
	return top != 0;
}

/* ---- moving the watchpoint ----------------------------------------------------------- */

static void disarm(struct record_territory *territory)
{
	double now = clock_monotonic();
	double pause = (double)territory->hits / HITS_A_SECOND;
	territory->pause_until = now + pause;
	territory->armed = false;
	if (territory->hits)
		watch_move(territory->watch, territory->index, territory->nowhere);
}

static void arm(struct record_territory *territory, struct record_counter *counter)
{
	territory->counter = counter;
	peek_forget(territory->record->python->peek);
	if (watch_breakpoints(territory->watch) > MOST_BREAKPOINTS)
		return;
	bool found = territory->probing		     ? choose_at_top(territory)
		     : !counter->arena ? choose_in_arenas(territory)
				       : choose_in_heap(territory);
	peek_take_fault(territory->record->python->peek);
	territory->pause_until = clock_monotonic() + REST;
	if (!found)
		return;
	if (!watch_move(territory->watch, territory->index, territory->address)) {
		territory->useless = true;
		return;
	}
	territory->armed = true;
	territory->start = clock_monotonic();
	territory->written = territory->passed = 0;
	territory->hits = 0;
	territory->has_event = false;
}

/* ---- hits -------------------------------------------------------------------------------- */

void record_territory_hit(struct record_territory *territory, const struct watch_event *event)
{
	territory->hits++;
	territory->event = *event;
	territory->has_event = true;
	if (event->registers) {
		memcpy(territory->registers, event->registers, sizeof(territory->registers));
		territory->event.registers = territory->registers;
	}
	if (event->stack_length > territory->stack_capacity) {
		uint8_t *more = realloc(territory->stack, event->stack_length);
		if (!more) {
			territory->event.stack_length = 0;
			return;
		}
		territory->stack = more;
		territory->stack_capacity = event->stack_length;
	}
	if (event->stack_length)
		memcpy(territory->stack, event->stack, event->stack_length);
	territory->event.stack = territory->stack;
}

static void take_hit(struct record_territory *territory)
{
	struct record *record = territory->record;
	if (!territory->has_event)
		return;
	territory->has_event = false;
	territory->written = territory->event.time;
	const struct record_thread *thread =
		record_threads_find(&record->threads, territory->event.tid);
	territory->keeper = (struct record_keeper){
		.counter = territory->counter,
		.time = territory->event.time,
		.tid = territory->event.tid,
		.stack = record_stacks_take(record->stacks, thread ? thread->state : 0,
					    &territory->event),
	};
}

/* ---- is it in use? -------------------------------------------------------------------------- */

static bool is_type(struct python *python, uint64_t address)
{
	const struct layout *layout = &python->layout;
	struct peek *peek = python->peek;
	if (address < 4096 || address % 8 || address >> 47)
		return false;
	uint64_t type = peek_u64(peek, address + (uint64_t)OFFSET(layout, Object, ob_type));
	bool is_one = type == python->type_type;
	for (int i = 0; i < 3 && !is_one && type >= 4096 && type % 8 == 0 && !(type >> 47); i++) {
		type = peek_u64(peek, type + (uint64_t)OFFSET(layout, Object, ob_type));
		is_one = type == python->type_type;
	}
	return peek_take_fault(peek) == FAULT_NONE && is_one;
}

enum use { FREE, USED, USELESS };

/* Of a block of pymalloc's; useless is the word of an object that the collector writes. */
static enum use use_of_block(struct record_territory *territory)
{
	struct python *python = territory->record->python;
	uint64_t pool_size = obmalloc_pool_size(python);
	uint64_t pool_address = territory->address & ~(pool_size - 1);
	uint8_t bytes[POOL_MAX_SIZE];
	struct pool pool;
	if (target_read(peek_target(python->peek), pool_address, bytes, pool_size) != FAULT_NONE ||
	    !pool_decode(python, bytes, pool_address, pool_size, &pool))
		return FREE;
	uint64_t offset = territory->address - pool_address - POOL_OVERHEAD;
	uint64_t block = offset / pool.block_size, within = offset % pool.block_size;
	if (block >= pool.carved || pool.free[block / 64] >> block % 64 & 1)
		return FREE;
	const uint8_t *start = bytes + POOL_OVERHEAD + block * pool.block_size;
	uint64_t words[4] = {0};
	memcpy(words, start, pool.block_size < sizeof(words) ? pool.block_size : sizeof(words));
	/* PyGC_Head is two words before the object: its second is _gc_prev. */
	bool links = within == 8 && pool.block_size >= 32 && is_type(python, words[3]) &&
		     !is_type(python, words[1]);
	return links ? USELESS : USED;
}

/* Size of the chunk of malloc's that covers it, and is not free; 0: there is none. */
static uint64_t used_chunk(struct record_territory *territory)
{
	struct peek *peek = territory->record->python->peek;
	uint64_t top = top_of(territory), chunk = territory->boundary;
	for (unsigned i = 0; i < MOST_CHUNKS && chunk < top; i++) {
		uint64_t size = CHUNK_SIZE(peek_u64(peek, chunk + 8));
		if (peek_take_fault(peek) != FAULT_NONE || size < 32 || size % 16)
			return 0;
		uint64_t next = chunk + size;
		if (territory->address < next + 8) {
			bool used = peek_u64(peek, next + 8) & PREV_INUSE;
			return used && peek_take_fault(peek) == FAULT_NONE ? size : 0;
		}
		chunk = next;
	}
	return 0;
}

static enum use use_of(struct record_territory *territory)
{
	peek_forget(territory->record->python->peek);
	if (!territory->counter->arena)
		return use_of_block(territory);
	return used_chunk(territory) ? USED : FREE;
}

/* ---- from one place to the next ------------------------------------------------------------- */

/* Size of a chunk in use that was never written: a buffer that waits to be filled. */
static uint64_t silent_size(struct record_territory *territory, double now)
{
	if (!territory->counter->arena)
		return 0;
	peek_forget(territory->record->python->peek);
	if (!territory->passed) {
		if (top_of(territory) > territory->address + 4096)
			territory->passed = now;
		return 0;
	}
	return now - territory->passed > REST ? used_chunk(territory) : 0;
}

static struct size_maker *maker_of(struct record_territory *territory, uint64_t size)
{
	return &territory->makers[(size / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SIZES];
}

static void probe(struct record_territory *territory, uint64_t wanted)
{
	territory->probing = true;
	territory->wanted = wanted;
	arm(territory, territory->counter);
	if (!territory->armed)
		territory->probing = false;
}

/* Nobody wrote there: who makes chunks of this size? */
static enum record_territory_end ask_for(struct record_territory *territory, uint64_t size,
					 double now)
{
	const struct size_maker *maker = maker_of(territory, size);
	territory->probes = 0;
	disarm(territory);
	if (maker->size == size && now - maker->keeper.time < REMEMBERED) {
		territory->keeper = maker->keeper;
		territory->keeper.counter = territory->counter;
		probe(territory, 0);
		return TERRITORY_KEPT;
	}
	probe(territory, size);
	return territory->probing ? TERRITORY_NOTHING : TERRITORY_SILENT;
}

/* A chunk was taken from the top. */
static enum record_territory_end look_at_probe(struct record_territory *territory, double now)
{
	if (territory->hits ? now - territory->written < PROBE_REST
			    : now - territory->start < MOST_RESTLESS)
		return TERRITORY_NOTHING;
	uint64_t wanted = territory->wanted, size = 0;
	peek_forget(territory->record->python->peek);
	if (territory->hits)
		size = used_chunk(territory);
	if (size)
		*maker_of(territory, size) = (struct size_maker){size, territory->keeper};
	bool again = wanted && size != wanted && territory->hits &&
		     ++territory->probes < MOST_PROBES;
	disarm(territory);
	territory->probing = false;
	if (again) {
		probe(territory, wanted);
		if (territory->probing)
			return TERRITORY_NOTHING;
	}
	return !wanted ? TERRITORY_NOTHING : size == wanted ? TERRITORY_KEPT : TERRITORY_SILENT;
}

static enum record_territory_end look_at(struct record_territory *territory)
{
	double now = clock_monotonic();
	take_hit(territory);
	if (territory->probing)
		return look_at_probe(territory, now);
	if (territory->hits > MOST_HITS) {
		disarm(territory);
		return TERRITORY_NOTHING;
	}
	if (territory->hits == 0) {
		uint64_t size = silent_size(territory, now);
		territory->keeper = (struct record_keeper){.counter = territory->counter, .time = now};
		if (size)
			return ask_for(territory, size, now);
		if (now - territory->start > MOST_UNTAKEN)
			disarm(territory);
		return TERRITORY_NOTHING;
	}
	if (now - territory->written < REST)
		return TERRITORY_NOTHING;
	enum use use = use_of(territory);
	if (use != FREE || now - territory->start > MOST_RESTLESS)
		disarm(territory);
	return use == USED ? TERRITORY_KEPT : TERRITORY_NOTHING;
}

enum record_territory_end record_territory_step(struct record_territory *territory,
						struct record_counter *const *counters, size_t count,
						struct record_keeper *ret_keeper)
{
	if (!territory || territory->useless)
		return TERRITORY_NOTHING;
	enum record_territory_end end = TERRITORY_NOTHING;
	if (territory->armed) {
		end = look_at(territory);
		*ret_keeper = territory->keeper;
		if (territory->armed || end != TERRITORY_NOTHING)
			return end;
	}
	if (clock_monotonic() < territory->pause_until)
		return end;
	/* In turn, those that grow. */
	double now = clock_monotonic();
	for (size_t i = 0; i < count; i++) {
		struct record_counter *counter = counters[++territory->turn % count];
		if (!counter->holds || !counter->grown || now - counter->grown > STILL_GROWING)
			continue;
		arm(territory, counter);
		break;
	}
	return end;
}

double record_territory_deadline(const struct record_territory *territory)
{
	if (!territory || territory->useless)
		return HUGE_VAL;
	double now = clock_monotonic();
	/* What has to happen first wakes us anyway. */
	if (!territory->armed)
		return territory->pause_until > now ? territory->pause_until : HUGE_VAL;
	if (territory->hits)
		return territory->written + (territory->probing ? PROBE_REST : REST);
	return now + LOOK;
}
