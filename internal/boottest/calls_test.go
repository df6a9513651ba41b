package boottest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// fault is what AWS says of a request that it refuses.
type fault struct {
	status        int
	code, message string
}

func (f *fault) Error() string { return f.code + ": " + f.message }

func refuse(code, format string, args ...any) error {
	return &fault{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// serveCall answers the services that a machine asks; all of them are at one endpoint, as AWS_ENDPOINT_URL says. It is also where
// packages are.
func (r *region) serveCall(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if file := r.packages[req.URL.Path]; file != "" && req.Method == http.MethodGet {
		http.ServeFile(w, req, file)
		return
	}
	by := r.caller(req)
	if by == nil || !strings.Contains(req.Header.Get("Authorization"), "Credential="+by.accessKey()+"/") {
		answerFault(w, &fault{http.StatusForbidden, "AuthFailure", "not with the credentials of the instance that asks"})
		return
	}
	target, isParameter := strings.CutPrefix(req.Header.Get("X-Amz-Target"), "AmazonSSM.")
	var answer any
	var err error
	switch {
	case isParameter:
		answer, err = r.parameter(by, target, req.Body)
	case req.Method == http.MethodPut: // an object
		r.objects[strings.TrimPrefix(req.URL.Path, "/")], err = io.ReadAll(req.Body)
	default:
		answer, err = r.query(by, req)
	}
	switch refused, isFault := errors.AsType[*fault](err); {
	case isFault && isParameter:
		w.WriteHeader(refused.status)
		err = json.NewEncoder(w).Encode(map[string]string{"__type": refused.code, "message": refused.message})
	case isFault:
		answerFault(w, refused)
		return
	case err == nil && isParameter:
		err = json.NewEncoder(w).Encode(answer)
	case err == nil:
		err = xml.NewEncoder(w).Encode(answer)
	}
	if err != nil {
		r.t.Errorf("answer %s: %v", by.id, err)
	}
}

func answerFault(w http.ResponseWriter, f *fault) {
	w.WriteHeader(f.status)
	fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors></Response>", f.code, f.message)
}

// parameter answers Systems Manager.
func (r *region) parameter(by *instance, action string, body io.Reader) (any, error) {
	var ask struct {
		Name, Value string
		Overwrite   bool
	}
	if err := json.NewDecoder(body).Decode(&ask); err != nil {
		return nil, refuse("ValidationException", "%v", err)
	}
	value, exists := r.parameters[ask.Name]
	switch {
	case action == "GetParameter" && !exists:
		return nil, refuse("ParameterNotFound", "%s", ask.Name)
	case action == "GetParameter":
		return map[string]any{"Parameter": map[string]string{"Name": ask.Name, "Value": value}}, nil
	case action != "PutParameter":
		return nil, refuse("InvalidAction", "%s", action)
	case exists && !ask.Overwrite:
		return nil, refuse("ParameterAlreadyExists", "%s", ask.Name)
	}
	r.parameters[ask.Name] = ask.Value
	if r.onWrite != nil && ask.Name == genesisName {
		r.onWrite(by)
	}
	return map[string]int{"Version": 1}, nil
}

// query answers EC2 and CloudFormation.
func (r *region) query(by *instance, req *http.Request) (any, error) {
	switch action := req.FormValue("Action"); action {
	case "DescribeInstances":
		return r.describeInstances(req)
	case "DescribeVolumes":
		v := r.volumes[req.FormValue("VolumeId.1")]
		if v == nil {
			return nil, refuse("InvalidVolume.NotFound", "%s", req.FormValue("VolumeId.1"))
		}
		return describeVolume(v), nil
	case "AttachVolume":
		v := r.volumes[req.FormValue("VolumeId")]
		if v == nil || req.FormValue("InstanceId") != by.id {
			return nil, refuse("InvalidParameterValue", "%s to %s", req.FormValue("VolumeId"), req.FormValue("InstanceId"))
		}
		if err := r.attach(v, by); err != nil {
			return nil, refuse("VolumeInUse", "%v", err)
		}
		return struct {
			XMLName xml.Name `xml:"AttachVolumeResponse"`
			Status  string   `xml:"status"`
		}{Status: "attached"}, nil
	case "SignalResource":
		return r.signal(req)
	default:
		return nil, refuse("InvalidAction", "%s", action)
	}
}

func (r *region) signal(req *http.Request) (any, error) {
	resource := req.FormValue("LogicalResourceId")
	if req.FormValue("StackName") != clusterName || !slices.Contains([]string{"SlotA", "SlotB", "SlotC", "Formed"}, resource) {
		return nil, refuse("ValidationError", "the stack does not wait for %s", resource)
	}
	r.signals = append(r.signals, signalled{resource, req.FormValue("UniqueId"), time.Now()})
	return struct {
		XMLName xml.Name `xml:"SignalResourceResponse"`
	}{}, nil
}

type describedInstance struct {
	ID    string `xml:"instanceId"`
	State string `xml:"instanceState>name"`
	Addr  string `xml:"privateIpAddress"`
}

func (r *region) describeInstances(req *http.Request) (any, error) {
	var found struct {
		XMLName   xml.Name            `xml:"DescribeInstancesResponse"`
		Instances []describedInstance `xml:"reservationSet>item>instancesSet>item"`
	}
	for _, i := range r.sorted() {
		matches, err := i.matches(req)
		if err != nil {
			return nil, err
		}
		if matches {
			found.Instances = append(found.Instances, describedInstance{i.id, i.state, i.addr})
		}
	}
	return found, nil
}

// matches tells whether an instance passes all filters of a request.
func (i *instance) matches(req *http.Request) (bool, error) {
	for n := 1; req.FormValue(fmt.Sprintf("Filter.%d.Name", n)) != ""; n++ {
		name := req.FormValue(fmt.Sprintf("Filter.%d.Name", n))
		has := ""
		tag, isTag := strings.CutPrefix(name, "tag:")
		switch {
		case name == "instance-id":
			has = i.id
		case name == "instance-state-name":
			has = i.state
		case isTag:
			has = i.tags()[tag]
		default:
			return false, refuse("InvalidParameterValue", "filter %s", name)
		}
		wanted := false
		for k := 1; !wanted && req.Form.Has(fmt.Sprintf("Filter.%d.Value.%d", n, k)); k++ {
			wanted = has == req.FormValue(fmt.Sprintf("Filter.%d.Value.%d", n, k))
		}
		if !wanted {
			return false, nil
		}
	}
	return true, nil
}

func describeVolume(v *volume) any {
	type attachment struct {
		Instance string `xml:"instanceId"`
		Status   string `xml:"status"`
	}
	var found struct {
		XMLName     xml.Name     `xml:"DescribeVolumesResponse"`
		ID          string       `xml:"volumeSet>item>volumeId"`
		Status      string       `xml:"volumeSet>item>status"`
		Attachments []attachment `xml:"volumeSet>item>attachmentSet>item"`
	}
	found.ID, found.Status = v.id, "available"
	if v.holder != nil {
		found.Status, found.Attachments = "in-use", []attachment{{v.holder.id, "attached"}}
	}
	return found
}
