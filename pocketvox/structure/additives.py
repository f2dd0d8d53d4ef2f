"""Components that are in a crystal for its own sake, or belong to the protein: not ligands.

Codes of the Chemical Component Dictionary. Sources of the lists: the additive and ion lists of the structure-based
data sets BioLiP (doi:10.1093/nar/gks966), PLINDER (doi:10.1101/2024.07.17.603955) and Binding MOAD
(doi:10.1002/prot.20512) as to their ideas, and the composition of common crystallisation screens (Hampton Research
Crystal Screen, PEG/Ion; Molecular Dimensions JCSG+, Morpheus). A molecule that is often a real ligand (citrate in
citrate synthase, glucose in a glucose-binding protein) is listed only where additive use prevails; ``--around``
overrides any of this.
"""

from __future__ import annotations

#: Buffers: what keeps the pH.
BUFFERS = frozenset(
    "TRS EPE MES MOPS MPO BTB B3P BCN TAM PO4 PI 2HP CAC CIT FLC ACT ACY FMT TAR TLA SRT MLA MLI SIN IMD BCT CO3 "
    "NHE CXS GLY BO3 BO4 TEA HEZ NHN PIN 1PS 144 AZI MRY T3A POP".split()
)

#: Cryo-protectants, precipitants and solvents.
PRECIPITANTS = frozenset(
    "GOL EDO PGO PGR PDO MPD MRD PEG PG4 PGE 1PE P6G PE3 PE4 PE5 PE6 PE7 PE8 P33 2PE 12P 15P XPE PEU 7PE PG0 PG5 PG6 M2M "
    "P4G P3G 1PG ETE TOE C8E 6JZ DMS DMF DMN EOH MOH IPA IPH POL PGQ BU1 BU2 BU3 BUD HEX 1BO TBU ACN CCN ACE CNC "
    "DIO EGL MEE NMO SCN DTT DTV DTU BME BEZ TFA TCE CLF UNX UNL UNK ARF EEE OXL URE GAI HED SGM MSE XYL TRE JEF "
    "PEO OXY O2 CO CO2 NO N2 H2S XE KR AR CYN CMO".split()
)

#: Detergents, lipids and fatty acids of membranes and mesophases.
LIPIDS = frozenset(
    "LDA BOG BNG HTG LMT LMU UMQ DMU D10 D12 DD9 OCT C14 UND R16 HP6 MYS TWT LNK DAO MYR PLM STE OLA OLB OLC MPG 1O2 "
    "PEE PEF PEH PTY PGV PGW PGT LHG PEK CDL PC1 PCW PCF POV PLC PX4 LPP LPE 3PE 3PH CPL DGD LMG LMN SQD PSC 17F 44E "
    "CLR CHD CPS CHS Y01 SDS DDQ DET HEX SPD SPM C10 CXE LI1 L2P L3P L4P ARC Z41 D21 PII PIE PIO T7X AJP LFA P5S "
    "LMA LOP PA8 PEV DPV 6PL DMPC DGA BCL8 EPH PLX HTO ODM TRD OCA KNA DKA F09 BGL MC3 GLC8 BDDM MAL8 SOG NG6".split()
)

#: Ions of more than one atom and halides.
IONS = frozenset(
    "SO4 SO3 NO3 NO2 CL BR IOD F FLO NH4 PER CLO PO3 VO4 ALF BEF MGF AF3 MOO WO4 SCN CYN HPO LCP PF6 BF4 THS SEO SE4 "
    "TMA BTM ETA TAU MOW WO3 CN OH HDZ".split()
)

#: Everything above.
ADDITIVES = BUFFERS | PRECIPITANTS | LIPIDS | IONS

#: Groups that belong to the protein as much as its side chains: kept in the receptor.
PROSTHETIC = frozenset(
    # haems, other metal tetrapyrroles, chlorophylls, cobalamins
    "HEM HEC HEA HEB HAS HDD HDM HDE DHE HEV HES HIF SRM VEA VER ISW COH HNI MH0 ZNH CLN FDE HCO HP5 6HE FEC F43 M43 "
    "CLA CHL CL0 CL1 CL2 CL7 BCL BCB BPB BPH PHO F9S PMR B12 CNC COB COY B1M "
    # iron-sulfur and other clusters
    "SF4 FES F3S FS1 FS2 FS3 FS4 FSX FEO FE9 S3F CLF CFM CFN ICS ICE ICZ CLP CFS XCC WCC NFS NFU FCO 1CL 8P8 CUA CUZ "
    "CUB OEX OEC OEY C2O CU6 "
    # light harvesting and vision, when free in the protein
    "BCR LUT LUX XAT NEX PID RG1 SPO SPN".split()
)

#: Kept in the receptor when covalently bound to it (otherwise ordinary ligands): enzyme cofactors and chromophores.
PROSTHETIC_IF_BOUND = frozenset(
    "PLP PMP PLR PXP RET BTN BTI PNS PN7 LPA LA2 FAD FMN FNS TPQ CYC PEB PUB BLA BLV LBV LBW PVN DBV PCB VRB CR2 CRO HC4 "
    "PQQ TDP TPP MYR PLM FAR GER".split()
)

#: Sugars: covalently bound to Asn, Ser or Thr they are glycosylation, not ligands.
SUGARS = frozenset(
    "NAG NDG BMA MAN BGC GLC GAL GLA FUC FUL FUB FCA FCB XYS XYP SIA SLB NGA A2G NAN GCU BDP IDS SGN GLU8 RAM RM4 ARA ARB "
    "AHR GUP G6D GCS NGZ NGK BM3 KDO GMH LMR TYV ABE COL BNX NG1 X2F GXL LXB LXC Z9N FRU RIB XYZ MBG MMA MAG GZL".split()
)

#: Elements that stay in the receptor as single atoms.
METALS = frozenset(
    "Li Be Na Mg Al K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Cs Ba La Ce Pr Nd "
    "Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Th U".split()
)
