-- TEXT ends at 65,535 bytes, which the addresses of a large cluster and the labels of a template with those of a cluster
-- laid over them exceed. Whoever reads TEXT reads MEDIUMTEXT the same way.
ALTER TABLE `cluster` MODIFY `labels` MEDIUMTEXT, MODIFY `health_status_reason` MEDIUMTEXT;
ALTER TABLE `cluster_template` MODIFY `labels` MEDIUMTEXT;
ALTER TABLE `nodegroup`
    MODIFY `labels` MEDIUMTEXT,
    MODIFY `node_addresses` MEDIUMTEXT,
    MODIFY `node_labels` MEDIUMTEXT,
    MODIFY `node_taints` MEDIUMTEXT;
ALTER TABLE `rs_operation` MODIFY `params` MEDIUMTEXT NOT NULL;
