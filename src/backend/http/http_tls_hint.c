/* http_tls_hint.c - what to do about the failures of TLS, which libcurl and its TLS library
 * describe in words of their own. */
#include "http_tls.h"

#include "podop/mem.h"

#include <curl/curl.h>

#include <stdio.h>
#include <string.h>

static const char *hint_for(const char *reason)
{
    static const char unknown[] =
        "an unknown authority: set ca_file in 'tls' to its certificate, or let the server send its "
        "intermediate certificates";
    static const struct {
        const char *part, *hint;
    } hints[] = {
        {"certificate required",
         "the server asks for a client certificate: set cert_file and key_file in 'tls'"},
        {"alert bad certificate",
         "the server refuses the client certificate of 'tls', or asks for one"},
        {"alert certificate unknown", "the server refuses the client certificate of 'tls'"},
        {"alert certificate expired", "renew the client certificate of 'tls'"},
        {"alert certificate revoked", "renew the client certificate of 'tls'"},
        {"alert unknown ca", "the server does not know the authority of the client certificate"},
        {"alert handshake failure", "the server may ask for a client certificate, cert_file and "
                                    "key_file in 'tls', or for an older TLS"},
        {"wrong version number", "the server does not speak TLS on this port: is http:// meant?"},
        {"packet length too long", "the server does not speak TLS on this port: is http:// meant?"},
        {"SSL_ERROR_SYSCALL in connection", "the server ended the connection: does it speak TLS?"},
        {"alert protocol version", "the server needs TLS 1.2 or newer"},
        {"unsupported protocol", "the server needs TLS 1.2 or newer"},
        {"legacy sigalg disallowed", "the server needs TLS 1.2 or newer"},
        {"unable to get local issuer", unknown},
        {"unable to get issuer", unknown},
        {"unable to verify the first", unknown},
        {"self-signed certificate in certificate chain", unknown},
        {"self signed certificate in certificate chain", unknown},
        {"self-signed certificate", "set ca_file in 'tls' to this certificate"},
        {"self signed certificate", "set ca_file in 'tls' to this certificate"},
        {"error setting certificate",
         "no authorities are known: install ca-certificates, or set ca_file in 'tls'"},
        {"error adding trust anchors",
         "no authorities are known: install ca-certificates, or set ca_file in 'tls'"},
        {"has expired", "renew the server's certificate, or set the clock of this host"},
        {"not yet valid", "set the clock of this host, or renew the server's certificate"},
        {"subject name", "the certificate is for another name than the host of the URL"},
    };

    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (strstr(reason, hints[i].part) != NULL)
            return hints[i].hint;
    }
    return NULL;
}

void http_tls_add_hint(char reason[CURL_ERROR_SIZE])
{
    const char *hint = hint_for(reason);
    const size_t len = strlen(reason);

    if (hint != NULL && strstr(reason, hint) == NULL)
        snprintf(reason + len, CURL_ERROR_SIZE - len, " (%s)", hint);
}
