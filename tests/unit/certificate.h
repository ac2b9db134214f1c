/* certificate.h - a certificate for the name podop-test, made for these tests alone. */
#ifndef PODOP_TESTS_CERTIFICATE_H
#define PODOP_TESTS_CERTIFICATE_H

#define CERTIFICATE                                                                                \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIBgTCCASegAwIBAgIURq79Bb1Lm8STi8097njX7NLeinkwCgYIKoZIzj0EAwIw\n"                           \
    "FTETMBEGA1UEAwwKcG9kb3AtdGVzdDAgFw0yNjExMjkwMjA5MDBaGA8yMTI2MTEw\n"                           \
    "NTAyMDkwMFowFTETMBEGA1UEAwwKcG9kb3AtdGVzdDBZMBMGByqGSM49AgEGCCqG\n"                           \
    "SM49AwEHA0IABC0+oiJpIE+2UcWQqdOL7yVAp8UjYXgeADIrOPpNrpS4d6LZOXth\n"                           \
    "KdBN3dD4X7IB5tmykHp636iszo5roGuM2yajUzBRMB0GA1UdDgQWBBR5QrLkeeNk\n"                           \
    "DYEtF2z0Ag+6glRfbzAfBgNVHSMEGDAWgBR5QrLkeeNkDYEtF2z0Ag+6glRfbzAP\n"                           \
    "BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQD/Q6Hv/1hkyr+pG3cY\n"                           \
    "Ixn05OpkZkS4/MA/JTNrJf5zNQIgVvUyOrPkW72yWRrMJt2bxbHSyfbpaPw8etgh\n"                           \
    "bgwXb0E=\n"                                                                                   \
    "-----END CERTIFICATE-----\n"

#endif
