/* SPDX-License-Identifier: MIT */
#include "native/malloc_name.h"

#include <string.h>

/* How the name of the library's file begins. musl's C library is its dynamic linker. */
static const struct {
	const char *file, *name;
} libraries[] = {
	{"libjemalloc", "jemalloc"},
	{"libtcmalloc", "tcmalloc"},
	{"libmimalloc", "mimalloc"},
	{"ld-musl-", "musl"},
	{"libc.musl-", "musl"},
};

const char *malloc_name(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const char *slash = strrchr(maps->items[i].path, '/');
		for (size_t j = 0; slash && j < sizeof(libraries) / sizeof(libraries[0]); j++)
			if (strncmp(slash + 1, libraries[j].file, strlen(libraries[j].file)) == 0)
				return libraries[j].name;
	}
	return NULL;
}
