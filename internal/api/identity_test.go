package api

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/auth"
	"tasksync/task"
)

// signedBy signs the claims of a user with the given method and key.
func signedBy(t testing.TB, method jwt.SigningMethod, key any, kid string, change ...func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": alice, "aud": "authenticated", "role": "authenticated", "exp": time.Now().Add(time.Hour).Unix()}
	for _, f := range change {
		f(claims)
	}
	tok := jwt.NewWithClaims(method, claims)
	if kid != "" {
		tok.Header["kid"] = kid
	}
	signed, err := tok.SignedString(key)
	require.NoError(t, err)
	return signed
}

func set(name string, value any) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { c[name] = value }
}

// unsigned makes a token with the given header and no signature.
func unsigned(header string) string {
	enc := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"sub":%q,"aud":"authenticated","exp":%d}`, alice, time.Now().Add(time.Hour).Unix())
	return enc([]byte(header)) + "." + enc([]byte(claims)) + "."
}

// forgeries are tokens that must be rejected; key is the RSA key that the JWKS
// publishes as kid rsa.
func forgeries(t *testing.T, key *rsa.PrivateKey) map[string]string {
	t.Helper()
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	pkcs1 := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	now := time.Now()
	list := map[string]string{
		"none":            signedBy(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ""),
		"None":            unsigned(`{"alg":"None"}`),
		"nOnE, with kid":  unsigned(`{"alg":"nOnE","kid":"rsa"}`),
		"no alg":          unsigned(`{"typ":"JWT"}`),
		"alg of a number": unsigned(`{"alg":256}`),
		"empty secret":    signedBy(t, jwt.SigningMethodHS256, []byte{}, ""),
		"another secret":  signedBy(t, jwt.SigningMethodHS256, []byte(secret+"x"), ""),
		"HS512":           signedBy(t, jwt.SigningMethodHS512, []byte(secret), ""),
		"RS512":           signedBy(t, jwt.SigningMethodRS512, key, "rsa"),
		"PS256":           signedBy(t, jwt.SigningMethodPS256, key, "rsa"),
		"unknown kid":     signedBy(t, jwt.SigningMethodRS256, key, "other"),
		"expired":         token(alice, set("exp", now.Add(-time.Minute).Unix())),
		"no exp":          token(alice, func(c jwt.MapClaims) { delete(c, "exp") }),
		"not yet":         token(alice, set("nbf", now.Add(10*time.Minute).Unix())),
		"wrong aud":       token(alice, set("aud", "somebody")),
		"no aud":          token(alice, func(c jwt.MapClaims) { delete(c, "aud") }),
		"sub is no UUID":  token("alice"),
		"no sub":          token(""),
		"anon":            token(alice, set("role", "anon")),
		"sub of a list":   token(alice, set("sub", []string{alice})),
	}
	for name, secret := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}), "PKIX": pkix, "modulus": key.N.Bytes(),
		"PKCS1 PEM": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}), "PKCS1": pkcs1,
		"JWK": []byte(jwks(jwkOf(t, "rsa", key))), "base64 modulus": []byte(base64.RawURLEncoding.EncodeToString(key.N.Bytes())),
	} {
		list["HS256 with the public key as "+name] = signedBy(t, jwt.SigningMethodHS256, secret, "rsa")
		list["the same without kid, "+name] = signedBy(t, jwt.SigningMethodHS256, secret, "")
	}
	return list
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	key := newRSA(t)
	server := serveKeys(t, jwkOf(t, "rsa", key))
	b := setup(t, server.verifying(secret, time.Now))
	id, _ := b.insertReady(alice)
	for name, tok := range forgeries(t, key) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			a := b.call(method, syncPath, tok, "")
			require.Equal(t, http.StatusUnauthorized, a.status, "%s: %s", name, a.body)
			require.Equal(t, `Bearer error="invalid_token"`, a.header.Get("WWW-Authenticate"), name)
			require.NotContains(t, a.detail(t), tok, name)
			require.NotContains(t, a.body, alice, name)
		}
		require.NotContains(t, b.log.String(), tok, name)
	}
	require.Equal(t, "submitted", b.status(id))
	require.Zero(t, b.sim.Requests().Total)
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, signedBy(t, jwt.SigningMethodRS256, key, "rsa"), "").status, "the real one passes")
}

func TestWithoutToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + token(alice), token(alice), "Bearer\t" + token(alice)} {
		a := b.ask(http.MethodGet, syncPath, "", "Authorization", header)
		require.Equal(t, http.StatusUnauthorized, a.status, header)
		require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"), "RFC 6750: no error code, for there was no token")
		require.Contains(t, a.detail(t), "no bearer token")
	}
	a := b.call(http.MethodGet, syncPath+"?access_token="+token(alice)+"&token="+token(alice), "", "")
	require.Equal(t, http.StatusUnauthorized, a.status, "addresses get into logs")
	for _, header := range []string{"bearer " + token(alice), "BEARER   " + token(alice)} {
		require.Equal(t, http.StatusOK, b.ask(http.MethodGet, syncPath, "", "Authorization", header).status)
	}
}

func TestWithoutConfiguration(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Verifier, c.WebhookTokens = nil, nil })
	for _, r := range []struct{ method, path, names string }{
		{http.MethodPost, syncPath, "TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL"},
		{http.MethodGet, syncPath, "TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL"},
		{http.MethodGet, syncPath + "/events", "TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL"},
		{http.MethodGet, syncPath + "/events?ticket=x", "TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL"},
		{http.MethodPost, syncPath + "/events/ticket", "TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL"},
		{http.MethodPost, "/webhooks/kie/" + webhookToken, "TASKSYNC_WEBHOOK_TOKEN"},
	} {
		for _, tok := range []string{"", token(alice)} {
			a := b.call(r.method, r.path, tok, "")
			require.Equal(t, http.StatusNotImplemented, a.status, r)
			require.Contains(t, a.detail(t), r.names, r)
		}
	}
}

// TestServiceRole: requests of the service role name the user; those of users cannot.
func TestServiceRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, hers := b.insertReady(alice)
	_, his := b.insertReady(bob)
	service := token("", set("role", "service_role"), func(c jwt.MapClaims) { delete(c, "sub"); delete(c, "aud") })
	of := func(user string) string { return syncPath + "?user_id=" + user }

	for user, want := range map[string]string{alice: hers, bob: his, strings.ToUpper(bob): his} {
		a := b.call(http.MethodGet, of(user), service, "")
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, want)
		var r rows
		a.decode(t, &r)
		require.Len(t, r.Generations, 1, "the rows of this user only")
	}
	require.JSONEq(t, `{"generations":[],"count":0,"has_more":false}`, b.call(http.MethodGet, of("c0ffee00-0000-4000-8000-000000000003"), service, "").body)

	a := b.call(http.MethodGet, syncPath, service, "")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.detail(t), "user_id")
	bare := strings.ReplaceAll(bob, "-", "")
	for _, user := range []string{"bob", "urn:uuid:" + bob, "%7B" + bob + "%7D", bare, bob + "%00", "'--", bob + "&user_id=" + alice + "x"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			a := b.call(method, of(user), service, "")
			require.Contains(t, []int{http.StatusUnprocessableEntity, http.StatusOK}, a.status, "%s %s", user, a.body)
			require.NotContains(t, a.body, hers, user)
		}
	}

	for _, method := range []string{http.MethodGet, http.MethodPost} {
		a = b.call(method, of(bob), token(alice), taskBody(method, his))
		require.Equal(t, http.StatusForbidden, a.status)
		require.Contains(t, a.detail(t), "service role")
		require.Equal(t, http.StatusOK, b.call(method, of(alice), token(alice), "").status, "her own")
		require.Equal(t, http.StatusOK, b.call(method, of(strings.ToUpper(alice)), token(strings.ToUpper(alice)), "").status)
	}

	id := b.insert(bob, task.Generate, his)
	r := b.call(http.MethodPost, of(bob), service, taskIDs(his))
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, "complete", b.status(id))
}

func taskBody(method, taskID string) string {
	if method == http.MethodGet {
		return ""
	}
	return taskIDs(taskID)
}

// TestSeveralTokens: which of two would count depends on who reads them, so none does.
func TestSeveralTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, second := range []string{"Bearer " + token(bob), "Bearer " + token(alice), "", "Basic x"} {
		for _, path := range []string{syncPath, eventsPath, eventsPath + "?ticket=" + strings.Repeat("A", 26)} {
			a := b.ask(http.MethodGet, path, "", "Authorization", "Bearer "+token(alice), "Authorization", second)
			require.Equal(t, http.StatusBadRequest, a.status, path)
			require.Contains(t, a.detail(t), "several Authorization headers")
		}
	}
}

// TestSecondFactor: where two factors are required, a token of one is refused with 403,
// which a page does not take for the end of its session; service tokens have none.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	verifier, err := auth.New(auth.Config{Secret: secret, RequireAAL2: true})
	require.NoError(t, err)
	strict, lax := setup(t, func(c *Config) { c.Verifier = verifier }), setup(t)
	with := func(name string, value any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[name] = value } }
	for aal, want := range map[any]int{"aal2": 200, "aal1": 403, "aal": 403, "AAL2": 403, 2: 403, "": 403} {
		tok := token(alice, with("aal", aal))
		for method, path := range map[string]string{http.MethodGet: syncPath, http.MethodPost: syncPath, http.MethodHead: eventsPath} {
			r := strict.call(method, path, tok, "")
			require.Equal(t, want, r.status, "%v: %s", aal, r.body)
			if want == http.StatusForbidden {
				require.Contains(t, r.header.Get("WWW-Authenticate"), `acr_values="aal2"`)
			}
		}
		require.Equal(t, http.StatusOK, lax.call(http.MethodGet, syncPath, tok, "").status)
	}
	require.Equal(t, http.StatusForbidden, strict.call(http.MethodPost, eventsPath+"/ticket", token(alice), "").status)
	service := strict.call(http.MethodGet, syncPath+"?user_id="+alice, token("", with("role", "service_role")), "")
	require.Equal(t, http.StatusOK, service.status, service.body)
	require.Equal(t, http.StatusUnauthorized, strict.call(http.MethodGet, syncPath, "x", "").status)
}
