/* SPDX-License-Identifier: MIT */
/*
 * Looking something up in what is sorted: at how many of `count` things, all of them
 * before the others, does `is_before` hold? That is the index of the first at which it
 * does not. `is_before` is an expression of the index, called `at` there:
 *
 *	size_t first = BISECT(maps->count, at, maps->items[at].end <= address);
 */
#ifndef BASE_BISECT_H
#define BASE_BISECT_H

#include <stddef.h>

#define BISECT(count, at, is_before)                                           \
	({                                                                     \
		size_t low_ = 0, high_ = (count);                              \
		while (low_ < high_) {                                         \
			size_t at = low_ + (high_ - low_) / 2;                 \
			if (is_before)                                         \
				low_ = at + 1;                                 \
			else                                                   \
				high_ = at;                                    \
		}                                                              \
		low_;                                                          \
	})

#endif
