/* SPDX-License-Identifier: MIT */
#include "heap/report/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Types whose growth is shared out among lines, and how many numbers that may take. */
enum { MOST_JOINED_TYPES = 64, MOST_SHARES = 1 << 22 };

/* A type in two censuses. */
struct pair {
	uint64_t objects[2], bytes[2];
	bool noted; /* it is in `touched` */
};

struct joiner {
	struct heapspy_report *report;
	const uint32_t *lines; /* by stack */
	struct pair *pairs;    /* by type */
	uint32_t *touched;     /* types that have a pair */
	size_t touched_count;

	/* What the stacks kept more in the interval at hand. */
	int64_t *kept;        /* by stack; less than none, where it kept less */
	uint32_t *listed;     /* by stack: the interval that it is in `moved` for, from 1 on */
	uint32_t *moved;      /* stacks that changed */
	size_t moved_count;
	size_t next_change;

	/* Shares of the first types in the growth of lines. */
	size_t joined;
	uint32_t *columns;    /* by frame: its column plus 1, 0: none */
	uint32_t *frames;     /* by column */
	size_t column_count;
	double *shares;       /* a row for each type */
	uint32_t *ranks;      /* by type: its place in report->types, plus 1 */
};

static void joiner_fini(struct joiner *joiner)
{
	free(joiner->pairs);
	free(joiner->touched);
	free(joiner->kept);
	free(joiner->listed);
	free(joiner->moved);
	free(joiner->columns);
	free(joiner->frames);
	free(joiner->shares);
	free(joiner->ranks);
}

static bool joiner_init(struct joiner *joiner)
{
	const struct heapspy_recording *recording = joiner->report->recording;
	joiner->pairs = calloc(recording->type_count + 1, sizeof(*joiner->pairs));
	joiner->touched = calloc(recording->type_count + 1, sizeof(*joiner->touched));
	joiner->ranks = calloc(recording->type_count + 1, sizeof(*joiner->ranks));
	joiner->kept = calloc(recording->stack_count + 1, sizeof(*joiner->kept));
	joiner->listed = calloc(recording->stack_count + 1, sizeof(*joiner->listed));
	joiner->moved = calloc(recording->stack_count + 1, sizeof(*joiner->moved));
	joiner->columns = calloc(recording->frame_count + 1, sizeof(*joiner->columns));
	joiner->frames = calloc(recording->frame_count + 1, sizeof(*joiner->frames));
	return joiner->pairs && joiner->touched && joiner->ranks && joiner->kept &&
	       joiner->listed && joiner->moved && joiner->columns && joiner->frames;
}

/* ---- pairs of censuses ------------------------------------------------------------- */

static void enter(struct joiner *joiner, const struct heapspy_recorded_census *census, int which)
{
	for (size_t i = 0; i < census->type_count; i++) {
		const struct heapspy_recorded_type *row = &census->types[i];
		struct pair *pair = &joiner->pairs[row->type];
		if (!pair->noted)
			joiner->touched[joiner->touched_count++] = row->type;
		pair->noted = true;
		pair->objects[which] += row->objects; /* type objects of one name */
		pair->bytes[which] += row->bytes;
	}
}

static void enter_both(struct joiner *joiner, const struct heapspy_recorded_census *before,
		       const struct heapspy_recorded_census *after)
{
	for (size_t i = 0; i < joiner->touched_count; i++)
		joiner->pairs[joiner->touched[i]] = (struct pair){0};
	joiner->touched_count = 0;
	enter(joiner, before, 0);
	enter(joiner, after, 1);
}

static int64_t grown_by(const uint64_t numbers[2])
{
	return (int64_t)(numbers[1] - numbers[0]);
}

/* ---- types over all ------------------------------------------------------------------ */

static int compare_types(const void *a, const void *b)
{
	const struct heapspy_report_type *left = a, *right = b;
	int64_t bytes[2] = {(int64_t)(left->bytes_after - left->bytes_before),
			    (int64_t)(right->bytes_after - right->bytes_before)};
	int64_t objects[2] = {(int64_t)(left->objects_after - left->objects_before),
			      (int64_t)(right->objects_after - right->objects_before)};
	return (bytes[0] < bytes[1]) - (bytes[0] > bytes[1])
		       ?: (objects[0] < objects[1]) - (objects[0] > objects[1])
		       ?: (left->type > right->type) - (left->type < right->type);
}

static bool list_types(struct joiner *joiner)
{
	struct heapspy_report *report = joiner->report;
	const struct heapspy_recording *recording = report->recording;
	enter_both(joiner, &recording->censuses[0],
		   &recording->censuses[recording->census_count - 1]);
	report->types = calloc(joiner->touched_count + 1, sizeof(*report->types));
	if (!report->types)
		return false;
	for (size_t i = 0; i < joiner->touched_count; i++) {
		const struct pair *pair = &joiner->pairs[joiner->touched[i]];
		report->types[report->type_count++] = (struct heapspy_report_type){
			.type = joiner->touched[i],
			.objects_before = pair->objects[0],
			.objects_after = pair->objects[1],
			.bytes_before = pair->bytes[0],
			.bytes_after = pair->bytes[1],
		};
	}
	qsort(report->types, report->type_count, sizeof(*report->types), compare_types);
	return true;
}

/* Which types are shared out, and among how many lines. */
static bool prepare_shares(struct joiner *joiner)
{
	struct heapspy_report *report = joiner->report;
	for (size_t i = 0; i < report->change_count; i++) {
		uint32_t frame = joiner->lines[report->changes[i].stack];
		if (frame == HEAPSPY_NO_STACK || joiner->columns[frame])
			continue;
		joiner->frames[joiner->column_count++] = frame;
		joiner->columns[frame] = (uint32_t)joiner->column_count;
	}
	size_t most = joiner->column_count ? MOST_SHARES / joiner->column_count : 0;
	most = most < MOST_JOINED_TYPES ? most : MOST_JOINED_TYPES;
	for (size_t i = 0; i < report->type_count && i < most; i++) {
		const struct heapspy_report_type *type = &report->types[i];
		if (type->bytes_after <= type->bytes_before)
			break;
		joiner->ranks[type->type] = (uint32_t)i + 1;
		joiner->joined++;
	}
	joiner->shares =
		calloc(joiner->joined * joiner->column_count + 1, sizeof(*joiner->shares));
	return joiner->shares != NULL;
}

/* ---- intervals -------------------------------------------------------------------------- */

/* What changed after the census before and up to this one. */
static void gather_changes(struct joiner *joiner, double until, uint32_t number)
{
	const struct heapspy_report *report = joiner->report;
	joiner->moved_count = 0;
	for (; joiner->next_change < report->change_count; joiner->next_change++) {
		const struct heapspy_report_change *change = &report->changes[joiner->next_change];
		if (change->time > until)
			break;
		if (joiner->listed[change->stack] != number) {
			joiner->listed[change->stack] = number;
			joiner->kept[change->stack] = 0;
			joiner->moved[joiner->moved_count++] = change->stack;
		}
		joiner->kept[change->stack] += change->bytes;
	}
}

static void rank_types(const struct joiner *joiner, struct heapspy_report_interval *interval)
{
	for (size_t i = 0; i < joiner->touched_count; i++) {
		uint32_t type = joiner->touched[i];
		int64_t bytes = grown_by(joiner->pairs[type].bytes);
		int64_t objects = grown_by(joiner->pairs[type].objects);
		if (bytes <= 0)
			continue;
		size_t at = interval->type_count;
		while (at > 0 && interval->types[at - 1].bytes < bytes)
			at--;
		if (at == HEAPSPY_REPORT_TOP)
			continue;
		if (interval->type_count < HEAPSPY_REPORT_TOP)
			interval->type_count++;
		for (size_t j = interval->type_count - 1; j > at; j--)
			interval->types[j] = interval->types[j - 1];
		interval->types[at].type = type;
		interval->types[at].bytes = bytes;
		interval->types[at].objects = objects;
	}
}

static void rank_stacks(const struct joiner *joiner, struct heapspy_report_interval *interval)
{
	for (size_t i = 0; i < joiner->moved_count; i++) {
		uint32_t stack = joiner->moved[i];
		if (joiner->kept[stack] <= 0)
			continue;
		uint64_t bytes = (uint64_t)joiner->kept[stack];
		interval->grown += bytes;
		size_t at = interval->stack_count;
		while (at > 0 && interval->stacks[at - 1].bytes < bytes)
			at--;
		if (at == HEAPSPY_REPORT_TOP)
			continue;
		if (interval->stack_count < HEAPSPY_REPORT_TOP)
			interval->stack_count++;
		for (size_t j = interval->stack_count - 1; j > at; j--)
			interval->stacks[j] = interval->stacks[j - 1];
		interval->stacks[at].stack = stack;
		interval->stacks[at].bytes = bytes;
	}
}

/* What each type grew by is shared out as the growth of the lines is. */
static void share_out(struct joiner *joiner, uint64_t grown)
{
	for (size_t i = 0; i < joiner->touched_count && grown > 0; i++) {
		uint32_t rank = joiner->ranks[joiner->touched[i]];
		int64_t bytes = grown_by(joiner->pairs[joiner->touched[i]].bytes);
		if (!rank || bytes <= 0)
			continue;
		double *row = joiner->shares + (rank - 1) * joiner->column_count;
		for (size_t j = 0; j < joiner->moved_count; j++) {
			int64_t kept = joiner->kept[joiner->moved[j]];
			uint32_t frame = joiner->lines[joiner->moved[j]];
			if (kept > 0 && frame != HEAPSPY_NO_STACK)
				row[joiner->columns[frame] - 1] +=
					(double)bytes * (double)kept / (double)grown;
		}
	}
}

static void walk_intervals(struct joiner *joiner)
{
	struct heapspy_report *report = joiner->report;
	const struct heapspy_recorded_census *censuses = report->recording->censuses;
	gather_changes(joiner, censuses[0].time, 1);
	for (size_t i = 0; i < report->interval_count; i++) {
		const struct heapspy_recorded_census *before = &censuses[i], *after = before + 1;
		struct heapspy_report_interval *interval = &report->intervals[i];
		*interval = (struct heapspy_report_interval){
			.from = before->time,
			.to = after->time,
			.objects_before = before->objects,
			.objects_after = after->objects,
			.bytes_before = before->bytes,
			.bytes_after = after->bytes,
		};
		enter_both(joiner, before, after);
		gather_changes(joiner, after->time, (uint32_t)i + 2);
		rank_types(joiner, interval);
		rank_stacks(joiner, interval);
		share_out(joiner, interval->grown);
	}
}

/* The lines with the largest shares of each type. */
static void rank_lines(struct joiner *joiner)
{
	for (size_t i = 0; i < joiner->joined; i++) {
		struct heapspy_report_type *type = &joiner->report->types[i];
		const double *row = joiner->shares + i * joiner->column_count;
		double whole = 0;
		for (size_t j = 0; j < joiner->column_count; j++)
			whole += row[j];
		for (size_t j = 0; j < joiner->column_count && whole > 0; j++) {
			double share = row[j] / whole;
			size_t at = type->line_count;
			while (at > 0 && type->lines[at - 1].share < share)
				at--;
			if (share <= 0 || at == HEAPSPY_REPORT_JOINED)
				continue;
			if (type->line_count < HEAPSPY_REPORT_JOINED)
				type->line_count++;
			for (size_t k = type->line_count - 1; k > at; k--)
				type->lines[k] = type->lines[k - 1];
			type->lines[at].frame = joiner->frames[j];
			type->lines[at].share = share;
		}
	}
}

struct heapspy_error *report_join_types(struct heapspy_report *report, const uint32_t *lines)
{
	const struct heapspy_recording *recording = report->recording;
	CLEANUP(joiner_fini) struct joiner joiner = {.report = report, .lines = lines};
	if (recording->census_count == 0)
		return NULL;
	size_t count = recording->census_count - 1;
	report->intervals = calloc(count + 1, sizeof(*report->intervals));
	if (!report->intervals || !joiner_init(&joiner) || !list_types(&joiner) ||
	    !prepare_shares(&joiner))
		return error_no_memory();
	report->interval_count = count;
	walk_intervals(&joiner);
	rank_lines(&joiner);
	return NULL;
}
