/* SPDX-License-Identifier: MIT */
/* The text of /proc/PID/maps, as proc_pid_maps(5) describes it. */
#ifndef TARGET_MAPS_PARSE_H
#define TARGET_MAPS_PARSE_H

#include <stddef.h>

#include "target/maps.h"

/* Takes over `text` (malloc'ed, NUL-terminated), also where it fails: the paths
 * are pointers into it. Lines that make no sense, or go back in the address
 * space, are left out. 0, or ENOMEM. */
int maps_parse(char *text, size_t length, struct maps *ret_maps);

#endif
