/* SPDX-License-Identifier: Apache-2.0 */
/* MobileCLIP's image towers in OpenCLIP's files, of which timm_trunks.h reads the sizes: names and
 * constants. */
#ifndef OSPREY_MODEL_MOBILE_WEIGHTS_H
#define OSPREY_MODEL_MOBILE_WEIGHTS_H

#define OSPREY__MOBILE_TRUNK   "visual.trunk."
#define OSPREY__FASTVIT_STAGES 4
#define OSPREY__FASTVIT_CELL   32 /* pixels, along a side, of a position of the last stage */

#endif
