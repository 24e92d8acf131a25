/* SPDX-License-Identifier: MIT */
#include "heap/instant.h"

#include "base/clock.h"
#include "heap/stop_plan.h"

static void read_from(struct heapspy *heapspy, struct target *target)
{
	heapspy->target = target;
	python_retarget(heapspy->python, target);
}

struct heapspy_error *instant_begin(struct heapspy *heapspy, double max_pause,
				    struct instant *ret_instant)
{
	struct instant instant = {.heapspy = heapspy, .live = heapspy->target};
	struct left_out left_out;
	struct heapspy_error *error = attach_refresh(heapspy);
	if (!error)
		error = stop_plan_make(heapspy->python, &left_out);
	if (error)
		return error;
	struct stop_plan plan = {
		.left_out = left_out.items,
		.left_out_count = left_out.count,
		.max_pause = max_pause,
	};
	error = stop_and_copy(instant.live, &plan, &instant.image, &instant.report);
	left_out_fini(&left_out);
	if (error)
		return error;
	instant.time = clock_now();
	read_from(heapspy, instant.image);
	*ret_instant = instant;
	return NULL;
}

void instant_end(struct instant *instant)
{
	if (!instant->heapspy)
		return;
	read_from(instant->heapspy, instant->live);
	target_free(instant->image);
	*instant = (struct instant){0};
}
