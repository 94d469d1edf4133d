package outgoing

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSignature compares with the example of the scheme, which its libraries test too.
func TestSignature(t *testing.T) {
	t.Parallel()
	secret, err := NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	at, body := time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)
	require.Equal(t, want, signature([]Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body))

	second, err := NewSecret("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	require.NoError(t, err)
	both := signature([]Secret{second, secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
	require.True(t, strings.HasSuffix(both, " "+want), both)
	require.Len(t, strings.Fields(both), 2)
}

func TestNewSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                    "does not begin with whsec_",
		"hunter2hunter2hunter2hunter2hunter2": "does not begin with whsec_",
		"whsec_hunter2":                       "is not base64",
		"whsec_aHVudGVyMg==":                  "24 to 64 bytes",
		"whsec_" + strings.Repeat("aHVudGVy", 12): "24 to 64 bytes",
	} {
		_, err := NewSecret(text)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
