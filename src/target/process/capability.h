/* SPDX-License-Identifier: MIT */
/* Capabilities as sets of bits, and their names: capabilities(7). */
#ifndef TARGET_CAPABILITY_H
#define TARGET_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

/* "cap_net_admin, cap_sys_nice and 3 more", cut to fit. */
void capability_names(uint64_t set, char *buffer, size_t size);

#endif
