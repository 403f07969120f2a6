package appcheck
import ("testing";"os";"fmt")
func TestTmp(t *testing.T){
 for _, d := range os.Args[len(os.Args)-1:] {
  apps, err := Applications(d)
  if err!=nil {fmt.Println(err);continue}
  for _, a := range apps { r, err := Check(a, Options{}); if err!=nil{fmt.Println(err);continue}; r.WriteText(os.Stdout, os.Getenv("ALL")!="") ; fmt.Println("-------------")}
 }
}
