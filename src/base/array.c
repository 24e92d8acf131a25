/* SPDX-License-Identifier: MIT */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

bool array_reserve(void *items, size_t *capacity, size_t wanted, size_t size)
{
	if (wanted <= *capacity)
		return true;
	size_t more = *capacity ? *capacity : 64;
	while (more < wanted) {
		if (more > SIZE_MAX / 2)
			return false;
		more *= 2;
	}
	void *grown = reallocarray(*(void **)items, more, size);
	if (!grown)
		return false;
	*(void **)items = grown;
	*capacity = more;
	return true;
}
