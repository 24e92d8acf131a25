/* SPDX-License-Identifier: MIT */
#include "heap/record/growth/allowance.h"

#include "base/clock.h"

void record_allowance_init(struct record_allowance *allowance, double per_second, double most,
			   double first)
{
	*allowance = (struct record_allowance){.per_second = per_second,
					       .saved = most,
					       .saved_at = clock_monotonic(),
					       .most = most,
					       .first = first};
}

void record_allowance_use(struct record_allowance *allowance)
{
	allowance->saved--;
}

bool record_allowance_lasts(struct record_allowance *allowance)
{
	double now = clock_monotonic();
	allowance->saved += (now - allowance->saved_at) * allowance->per_second;
	allowance->saved_at = now;
	if (allowance->saved > allowance->most)
		allowance->saved = allowance->most;
	double least = allowance->used_up ? allowance->first : 0;
	allowance->used_up = allowance->saved < least;
	return !allowance->used_up;
}
