/* SPDX-License-Identifier: MIT */
/* Which malloc a program uses, told by the libraries that are mapped. */
#ifndef NATIVE_MALLOC_NAME_H
#define NATIVE_MALLOC_NAME_H

#include "target/maps.h"

/* "jemalloc", "tcmalloc", "mimalloc", "musl": static text. NULL where none of them is
 * mapped as a library of its own. That one is mapped does not say that it is in use:
 * ask glibc_find() first. */
const char *malloc_name(const struct maps *maps);

#endif
