// Every call of gophercloud's containerinfra/v1 that works on clusters, once, in the order of a cluster's life.
//
// Reads the OS_ variables of a user; arguments are the id of the user's project and a file with a certificate request,
// and the ADMIN_OS_ variables are those of an administrator, who alone may set quotas. Prints a line for each call, and
// ends with status 1 at the first that is not as gophercloud wants it: its status, its types, its times.
package main

import (
	"fmt"
	"io/ioutil"
	"os"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/certificates"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/clustertemplates"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/nodegroups"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/quotas"
)

const patience = 120 * time.Second

func check(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
	fmt.Println(what)
}

func assert(what string, holds bool, seen interface{}) {
	if !holds {
		check(what, fmt.Errorf("%+v", seen))
	}
}

// client logs in with the variables that begin with prefix, and asks for the microversion; none asks for none.
func client(prefix, microversion string) *gophercloud.ServiceClient {
	value := func(name string) string { return os.Getenv(prefix + name) }
	provider, err := openstack.AuthenticatedClient(gophercloud.AuthOptions{
		IdentityEndpoint: value("OS_AUTH_URL"), Username: value("OS_USERNAME"), Password: value("OS_PASSWORD"),
		DomainName: value("OS_USER_DOMAIN_NAME"),
		Scope: &gophercloud.AuthScope{
			ProjectName: value("OS_PROJECT_NAME"), DomainName: value("OS_PROJECT_DOMAIN_NAME"),
		},
	})
	check("log in as "+value("OS_USERNAME"), err)
	found, err := openstack.NewContainerInfraV1(provider, gophercloud.EndpointOpts{Region: value("OS_REGION_NAME")})
	check("find the service in the catalogue", err)
	found.Microversion = microversion
	return found
}

func number(value int) *int { return &value }

func truth(value bool) *bool { return &value }

// await waits as Terraform does: any other state than the two ends it.
func await(service *gophercloud.ServiceClient, id, during, wanted string) *clusters.Cluster {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		cluster, err := clusters.Get(service, id).Extract()
		if err != nil {
			check("wait for "+wanted, err)
		}
		if cluster.Status == wanted {
			return cluster
		}
		assert("wait for "+wanted, cluster.Status == during, cluster)
	}
	check("wait for "+wanted, fmt.Errorf("not after %s", patience))
	return nil
}

func isGone(err error) bool {
	_, gone := err.(gophercloud.ErrDefault404)
	return gone
}

func template(service *gophercloud.ServiceClient) string {
	made, err := clustertemplates.Create(service, clustertemplates.CreateOpts{
		Name: "go", COE: "kubernetes", ImageID: "fedora-atomic-27", ExternalNetworkID: "public", KeyPairID: "testkey",
		FlavorID: "m1.small", MasterFlavorID: "m1.small", DNSNameServer: "8.8.8.8", DockerVolumeSize: number(5),
		DockerStorageDriver: "overlay2", NetworkDriver: "flannel", ServerType: "vm", Labels: map[string]string{"test": "test"},
		FloatingIPEnabled: truth(true), MasterLBEnabled: truth(true), Public: truth(false), RegistryEnabled: truth(false),
		TLSDisabled: truth(false),
	}).Extract()
	check("clustertemplates.Create", err)
	assert("its fields", made.Labels["test"] == "test" && made.COE == "kubernetes" && made.DockerVolumeSize == 5, made)
	read, err := clustertemplates.Get(service, "go").Extract()
	check("clustertemplates.Get", err)
	assert("the one that was made", read.UUID == made.UUID && !read.CreatedAt.IsZero(), read)
	pages, err := clustertemplates.List(service, clustertemplates.ListOpts{Limit: 1}).AllPages()
	check("clustertemplates.List", err)
	all, err := clustertemplates.ExtractClusterTemplates(pages)
	check("clustertemplates.ExtractClusterTemplates", err)
	assert("it is listed", len(all) > 0, all)
	changed, err := clustertemplates.Update(service, made.UUID, []clustertemplates.UpdateOptsBuilder{
		clustertemplates.UpdateOpts{Op: clustertemplates.ReplaceOp, Path: "/name", Value: "gopher"},
		clustertemplates.UpdateOpts{Op: clustertemplates.ReplaceOp, Path: "/master_lb_enabled", Value: "true"},
		clustertemplates.UpdateOpts{Op: clustertemplates.AddOp, Path: "/labels/further", Value: "one"},
	}).Extract()
	check("clustertemplates.Update", err)
	assert("what was changed", changed.Name == "gopher" && changed.MasterLBEnabled && changed.Labels["further"] == "one", changed)
	return made.UUID
}

func cluster(service *gophercloud.ServiceClient, template string) string {
	id, err := clusters.Create(service, clusters.CreateOpts{
		Name: "go", ClusterTemplateID: template, MasterCount: number(1), NodeCount: number(1), Keypair: "testkey",
		Labels: map[string]string{"kube_tag": "v1.11.6"}, MergeLabels: truth(true),
	}).Extract()
	check("clusters.Create", err)
	made := await(service, id, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
	assert("a complete cluster", made.NodeCount == 1 && made.StackID != "" && made.APIAddress != "" &&
		len(made.MasterAddresses) == 1 && made.Labels["test"] == "test" && !made.UpdatedAt.IsZero(), made)
	for what, pager := range map[string]func() (interface{}, error){
		"clusters.List": func() (interface{}, error) {
			pages, err := clusters.List(service, clusters.ListOpts{Limit: 1}).AllPages()
			if err != nil {
				return nil, err
			}
			return clusters.ExtractClusters(pages)
		},
		"clusters.ListDetail": func() (interface{}, error) {
			pages, err := clusters.ListDetail(service, clusters.ListOpts{Limit: 1}).AllPages()
			if err != nil {
				return nil, err
			}
			return clusters.ExtractClusters(pages)
		},
	} {
		listed, err := pager()
		check(what, err)
		assert("it is listed", len(listed.([]clusters.Cluster)) > 0, listed)
	}
	_, err = clusters.Update(service, id, []clusters.UpdateOptsBuilder{
		clusters.UpdateOpts{Op: clusters.ReplaceOp, Path: "/node_count", Value: 2},
	}).Extract()
	check("clusters.Update", err)
	await(service, id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	return id
}

func resize(service *gophercloud.ServiceClient, id string) {
	_, err := clusters.Resize(service, id, clusters.ResizeOpts{NodeCount: number(1)}).Extract()
	check("clusters.Resize", err)
	smaller := await(service, id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	assert("one node is left", smaller.NodeCount == 1 && len(smaller.NodeAddresses) == 1, smaller)
}

func authority(service *gophercloud.ServiceClient, id, request string) {
	shown, err := certificates.Get(service, id).Extract()
	check("certificates.Get", err)
	assert("an authority", strings.HasPrefix(shown.PEM, "-----BEGIN CERTIFICATE-----"), shown)
	csr, err := ioutil.ReadFile(request)
	check("read the certificate request", err)
	signed, err := certificates.Create(service, certificates.CreateOpts{ClusterUUID: id, CSR: string(csr)}).Extract()
	check("certificates.Create", err)
	assert("a certificate", strings.HasPrefix(signed.PEM, "-----BEGIN CERTIFICATE-----") && signed.CSR == string(csr), signed)
	check("certificates.Update", certificates.Update(service, id).ExtractErr())
	await(service, id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	renewed, err := certificates.Get(service, id).Extract()
	check("certificates.Get", err)
	assert("another authority", renewed.PEM != shown.PEM, renewed)
}

func groups(service *gophercloud.ServiceClient, id string) {
	made, err := nodegroups.Create(service, id, nodegroups.CreateOpts{
		Name: "further", NodeCount: number(1), MinNodeCount: 1, MaxNodeCount: number(3),
	}).Extract()
	check("nodegroups.Create", err)
	awaitGroup(service, id, made.UUID, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
	pages, err := nodegroups.List(service, id, nodegroups.ListOpts{}).AllPages()
	check("nodegroups.List", err)
	all, err := nodegroups.ExtractNodeGroups(pages)
	check("nodegroups.ExtractNodeGroups", err)
	assert("three groups", len(all) == 3, all)
	changed, err := nodegroups.Update(service, id, made.UUID, []nodegroups.UpdateOptsBuilder{
		nodegroups.UpdateOpts{Op: nodegroups.ReplaceOp, Path: "/max_node_count", Value: 5},
	}).Extract()
	check("nodegroups.Update", err)
	assert("another maximum", *changed.MaxNodeCount == 5, changed)
	check("nodegroups.Delete", nodegroups.Delete(service, id, made.UUID).ExtractErr())
	awaitGroup(service, id, made.UUID, "DELETE_IN_PROGRESS", "")
}

// awaitGroup waits for a state, or with none for the end.
func awaitGroup(service *gophercloud.ServiceClient, id, group, during, wanted string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		read, err := nodegroups.Get(service, id, group).Extract()
		if wanted == "" && isGone(err) {
			return
		}
		if err != nil {
			check("nodegroups.Get", err)
		}
		if read.Status == wanted {
			return
		}
		assert("wait for "+wanted, read.Status == during, read)
	}
	check("wait for "+wanted, fmt.Errorf("not after %s", patience))
}

func remove(service *gophercloud.ServiceClient, id, template string) {
	check("clusters.Delete", clusters.Delete(service, id).ExtractErr())
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		left, err := clusters.Get(service, id).Extract()
		if isGone(err) {
			break
		}
		assert("wait for the end", err == nil && left.Status == "DELETE_IN_PROGRESS" && time.Now().Before(end), left)
	}
	check("clustertemplates.Delete", clustertemplates.Delete(service, template).ExtractErr())
	_, err := clustertemplates.Get(service, template).Extract()
	assert("it is gone", isGone(err), err)
}

func quota(service *gophercloud.ServiceClient, project string) {
	made, err := quotas.Create(service, quotas.CreateOpts{ProjectID: project, Resource: "Cluster", HardLimit: 30}).Extract()
	check("quotas.Create", err)
	assert("a quota", made.HardLimit == 30 && made.ProjectID == project && !made.CreatedAt.IsZero(), made)
}

func main() {
	project, request := os.Args[1], os.Args[2]
	plain := client("", "")
	quota(client("ADMIN_", ""), project)
	made := template(plain)
	id := cluster(plain, made)
	later := client("", "1.9")
	resize(later, id)
	authority(plain, id, request)
	groups(later, id)
	remove(plain, id, made)
	fmt.Println("every call was answered as gophercloud wants it")
}
