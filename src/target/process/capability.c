/* SPDX-License-Identifier: MIT */
#include "target/process/capability.h"

#include <stdio.h>

enum { MOST_NAMES = 3 };

/* include/uapi/linux/capability.h, Linux 6.18. */
static const char *const names[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
	"setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
	"wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
};

void capability_names(uint64_t set, char *buffer, size_t size)
{
	int total = __builtin_popcountll(set), shown = 0;
	size_t length = 0;
	buffer[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && shown < MOST_NAMES; i++) {
		if (!(set >> i & 1))
			continue;
		int got = snprintf(buffer + length, size - length, "%scap_%s", shown ? ", " : "", names[i]);
		if (got < 0 || (size_t)got >= size - length)
			return;
		length += got;
		shown++;
	}
	if (shown && total > shown)
		snprintf(buffer + length, size - length, " and %d more", total - shown);
}
