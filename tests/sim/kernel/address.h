/* address.h - addresses of sockets as kernel.h writes them: "/path", "ADDRESS:PORT",
 * "[ADDRESS]:PORT". */
#ifndef SIM_ADDRESS_H
#define SIM_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

enum { ADDRESS_BYTES = 128 };

/* An unnamed unix socket is "", one with an abstract name "@NAME". */
void address_print(const struct sockaddr *address, socklen_t len, char text[ADDRESS_BYTES]);
/* Aborts when the text is none. */
socklen_t address_parse(const char *text, struct sockaddr_storage *address);
/* As getsockname(2): cuts what does not fit, and sets *len to the true length. */
void address_copy(const char *text, int family, struct sockaddr *to, socklen_t *len);
bool address_is_unix(const char *text);
/* Whether a socket that is bound to "0.0.0.0:PORT" or "[::]:PORT", or to text, gets what is sent to
 * it. */
bool address_covers(const char *bound, const char *text);

#endif
