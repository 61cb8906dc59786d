/**
 * A key and its certificate for `localhost`, signed by itself, for a hundred years: Node can make neither. It protects
 * nothing and is trusted by nobody but these tests.
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -addext subjectAltName=DNS:localhost`
 */
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSRMWTM8SLJ4buvpF
JG1ROhmboliUYHPWtfo9cEpgHxGhRANCAATXYotCLweZog2TUJYQXY0fvd7f1gDR
a3Y9PLAvhDSqQ+mrpGriktC72EuCHWsdEPEjchP8AK7F3BaCvNa2CAPY
-----END PRIVATE KEY-----
`;

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBpzCCAU2gAwIBAgIUE0fOaOi1boghkJwBQ7M4te/673IwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwScmVnaXN0cnkgb2YgYSB0ZXN0MCAXDTI2MTEyODA0NDg0OVoY
DzIxMjYxMTA0MDQ0ODQ5WjAdMRswGQYDVQQDDBJyZWdpc3RyeSBvZiBhIHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATXYotCLweZog2TUJYQXY0fvd7f1gDR
a3Y9PLAvhDSqQ+mrpGriktC72EuCHWsdEPEjchP8AK7F3BaCvNa2CAPYo2kwZzAd
BgNVHQ4EFgQU8RShe66EWMQIW7pNv60eKBspliowHwYDVR0jBBgwFoAU8RShe66E
WMQIW7pNv60eKBspliowDwYDVR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2Nh
bGhvc3QwCgYIKoZIzj0EAwIDSAAwRQIhANsv7Q8ef1wbuJOL5eKFUpG3Vx81UuY3
lUkXSjto1Z7IAiBv7jNeOeK/fY7VruIhGuvYN5lSvjETDQicDxYsmBqgcA==
-----END CERTIFICATE-----
`;
