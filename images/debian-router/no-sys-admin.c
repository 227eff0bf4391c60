/* FRR's daemons insist on CAP_SYS_ADMIN, which they use for nothing but VRFs made of
 * network namespaces, and exit without it. A node never has it. Preloaded into them,
 * this leaves it out of what they ask for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/capability.h>

typedef int set_flag(void *caps, int flag, int count, const int *values, int value);

int cap_set_flag(void *caps, int flag, int count, const int *values, int value)
{
	set_flag *real = (set_flag *)dlsym(RTLD_NEXT, "cap_set_flag");

	for (int i = 0; i < count; i++)
		if (values[i] != CAP_SYS_ADMIN && real(caps, flag, 1, &values[i], value))
			return -1;
	return 0;
}
