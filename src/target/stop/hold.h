/* SPDX-License-Identifier: MIT */
/*
 * One thread of a live process held for a moment, for its registers, and for what else of
 * it must not change while it is read: its stack, its frames.
 *
 * A small process of ours does the holding (target/stop.h says why): it ends with it, and
 * a timer ends it in time, whatever we do. So what was read counts only if hold_end()
 * says that it was held all the while.
 */
#ifndef TARGET_HOLD_H
#define TARGET_HOLD_H

#include <stdbool.h>
#include <sys/types.h>

#include "target/registers.h"
#include "target/target.h"

enum hold_result {
	HOLD_HELD,
	HOLD_ASLEEP,  /* it waits, and was left alone */
	HOLD_GONE,
	HOLD_REFUSED, /* somebody else traces it; not permitted; it did not stop in time */
};

struct hold {
	pid_t tracer; /* 0: a child of another */
	int answers, release; /* ends of pipes */
	struct registers registers;
	double began; /* clock_monotonic() */
};

/* `tid` of the process `live`. With `only_running` a thread that waits is left alone in
 * whatever call, else only in those that would end early. `most`: seconds after which it
 * is let go in any case. Only after HOLD_HELD is there something to end. */
enum hold_result hold_begin(struct target *live, pid_t tid, bool only_running, double most,
			    struct hold *ret_hold);

/* False: it was let go before, by the timer. *ret_pause: seconds since it was held. */
bool hold_end(struct hold *hold, double *ret_pause);

#endif
