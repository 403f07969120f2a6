package appcheck
import ("testing";"os";"encoding/json")
func TestTmpJSON(t *testing.T){
  apps, _ := Applications("/tmp/corpus")
  out := map[string]any{}
  for _, a := range apps { r, err := Check(a, Options{}); if err==nil {out[a]=r} }
  b,_ := json.Marshal(out); os.WriteFile("/tmp/appck.json", b, 0o600)
}
