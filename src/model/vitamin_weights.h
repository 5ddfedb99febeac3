/* SPDX-License-Identifier: Apache-2.0 */
/* Names and constants of a ViTamin tower (timm's, in OpenCLIP's files). */
#ifndef OSPREY_MODEL_VITAMIN_WEIGHTS_H
#define OSPREY_MODEL_VITAMIN_WEIGHTS_H

#define OSPREY__VITAMIN_TRUNK    "visual.trunk."
#define OSPREY__VITAMIN_BACKBONE OSPREY__VITAMIN_TRUNK "patch_embed.backbone."
#define OSPREY__VITAMIN_HEAD     "visual.head." /* the projection behind it */
#define OSPREY__VITAMIN_STAGES   2u             /* the second is twice as wide as the first */

#endif
