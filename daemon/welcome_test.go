package daemon

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWelcome: GET / says where to go, at both addresses, and what it names is there.
func TestWelcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	path := regexp.MustCompile(`(?m)^  (/\S+)`)
	for addr, paths := range map[string]int{r.addr: 3, *r.admin.Load(): 3} {
		status, body := fetch(addr, "/")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "tasksync keeps the rows")
		named := path.FindAllStringSubmatch(body, -1)
		require.Len(t, named, paths)
		for _, m := range named {
			status, _ := fetch(addr, m[1])
			require.Equal(t, http.StatusOK, status, m[1])
		}
	}
	require.Equal(t, http.StatusOK, r.answer(t, http.MethodHead, "/").StatusCode)
	require.Equal(t, http.StatusNotFound, r.answer(t, http.MethodPost, "/").StatusCode)
	require.Equal(t, "nosniff", r.answer(t, http.MethodGet, "/").Header.Get("X-Content-Type-Options"))
}
